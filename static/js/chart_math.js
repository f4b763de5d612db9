// Numbers behind the charts: smoothing, groups of runs with their band, quantiles. Pure functions; figures as numpy has them.
import { spacing } from "./chart_data.js";

const RESAMPLES = 1000;
const MOST_PLACES = 2000;
const softened = new WeakMap();

/**
 * The smoothed values of a series. A series that has grown is gone on with: what was drawn stays where it is.
 * @param {import("./chart_data.js").Series} series
 * @param {"ema"|"gauss"} kernel
 * @param {number} weight 0 to 0.99; for "gauss" the standard deviation reaches as far as the moving average's mean age
 * @returns {(number|null)[]} gaps stay gaps
 */
export function soften(series, kernel, weight) {
  const { y, step } = series;
  let known = softened.get(y);
  if (known?.kernel !== kernel || known.weight !== weight || known.out.length > y.length) {
    known = { kernel, weight, out: [], sum: 0, mass: 0, before: null, spacing: spacing(series) };
    softened.set(y, known);
  }
  if (known.out.length === y.length) return known.out;
  if (kernel === "gauss") {
    known.out = gauss(y, step, (weight / (1 - weight)) * spacing(series));
    return known.out;
  }
  average(known, y, step);
  return known.out;
}

/** Exponential moving average with the debiasing of TensorBoard: the weight counts steps, so that thinning leaves the curve as it is. */
function average(known, y, step) {
  const { out, weight } = known;
  known.before ??= step[0] - known.spacing;
  for (let i = out.length; i < y.length; i++) {
    if (y[i] === null) {
      out.push(null);
      continue;
    }
    const keep = weight ** Math.max(1e-9, (step[i] - known.before) / known.spacing);
    known.before = step[i];
    known.sum = known.sum * keep + y[i] * (1 - keep);
    known.mass = known.mass * keep + (1 - keep);
    out.push(known.sum / known.mass);
  }
}

/**
 * Weighted mean of the neighbours, a bell of standard deviation `sigma` (in steps) cut at three of them. A point counts for
 * the stretch that it stands for, so that thinned curves come out alike.
 */
export function gauss(y, step, sigma) {
  if (!(sigma > 0)) return [...y];
  const last = y.length - 1;
  const reach = 3 * sigma;
  const share = y.map((_, i) => (i === 0 ? step[1] - step[0] : i === last ? step[last] - step[last - 1] : (step[i + 1] - step[i - 1]) / 2) || 1);
  let from = 0;
  return y.map((value, i) => {
    while (step[from] < step[i] - reach) from += 1;
    if (value === null) return null;
    let [sum, mass] = [0, 0];
    for (let k = from; k <= last && step[k] <= step[i] + reach; k++) {
      if (y[k] === null) continue;
      const weight = share[k] * Math.exp(-0.5 * ((step[k] - step[i]) / sigma) ** 2);
      sum += weight * y[k];
      mass += weight;
    }
    return sum / mass;
  });
}

/** Quantile of ascending numbers, interpolated linearly. */
export function quantile(sorted, q) {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.min(sorted.length - 1, low + 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/** Where an ascending list reaches x: the first index with xs[i] >= x. */
export function lowerBound(xs, x) {
  let [low, high] = [0, xs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

const drawn = new Map();

/** Indices of a thousand samples with replacement of n things, the same ones every time: a band does not tremble. */
export function resamples(n) {
  if (drawn.has(n)) return drawn.get(n);
  let seed = 0x9e3779b9 ^ n;
  const random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const picks = Uint16Array.from({ length: RESAMPLES * n }, () => Math.floor(random() * n));
  drawn.set(n, picks);
  return picks;
}

/**
 * The band around the mean of some numbers.
 * @param {number[]} values
 * @param {"se"|"sd"|"ci"} kind standard error, standard deviation (both of the sample: n - 1), 95 % bootstrap interval of the mean
 * @returns {[number, number]|null} null of fewer than two
 */
export function bandOf(values, kind) {
  const n = values.length;
  if (n < 2) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (kind !== "ci") {
    const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)) / (kind === "se" ? Math.sqrt(n) : 1);
    return [mean - spread, mean + spread];
  }
  const picks = resamples(n);
  const means = new Float64Array(RESAMPLES);
  for (let i = 0, at = 0; i < RESAMPLES; i++) {
    let sum = 0;
    for (let k = 0; k < n; k++) sum += values[picks[at++]];
    means[i] = sum / n;
  }
  means.sort();
  return [quantile(means, 0.025), quantile(means, 0.975)];
}

/** Every x of these curves, ascending, each once; thinned evenly where there are too many to tell apart. */
export function union(lists) {
  let xs = lists[0] ?? [];
  if (lists.some((list) => list !== xs)) xs = [...new Set(lists.flat())].sort((a, b) => a - b);
  if (xs.length <= MOST_PLACES) return xs;
  const gap = (xs.length - 1) / (MOST_PLACES - 1);
  return Array.from({ length: MOST_PLACES }, (_, i) => xs[Math.round(i * gap)]);
}

/**
 * Values of a curve at other places, interpolated linearly; null outside of it and beside its gaps.
 * @param {number[]} xs ascending
 * @param {(number|null)[]} ys
 * @param {number[]} places ascending
 */
export function interpolate(xs, ys, places) {
  if (xs === places) return ys;
  let i = 0;
  return places.map((x) => {
    while (i < xs.length && xs[i] < x) i += 1;
    if (i === xs.length) return null;
    if (xs[i] === x) return ys[i];
    if (i === 0 || ys[i] === null || ys[i - 1] === null) return null;
    return ys[i - 1] + ((ys[i] - ys[i - 1]) * (x - xs[i - 1])) / (xs[i] - xs[i - 1]);
  });
}

/**
 * The mean of several curves and the band around it, over every x that one of them has.
 * @param {{xs: number[], ys: (number|null)[]}[]} curves
 * @param {"se"|"sd"|"ci"|"none"} kind see `bandOf`
 * @returns {{xs: number[], ys: (number|null)[], low: (number|null)[], high: (number|null)[], n: number[]}} n: curves at each x
 */
export function meanCurve(curves, kind) {
  const xs = union(curves.map((one) => one.xs));
  const members = curves.map((one) => interpolate(one.xs, one.ys, xs));
  const out = { xs, ys: [], low: [], high: [], n: [] };
  for (let i = 0; i < xs.length; i++) {
    const values = [];
    for (const ys of members) if (typeof ys[i] === "number") values.push(ys[i]);
    const band = kind === "none" ? null : bandOf(values, kind);
    out.ys.push(values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);
    out.low.push(band?.[0] ?? null);
    out.high.push(band?.[1] ?? null);
    out.n.push(values.length);
  }
  return out;
}
