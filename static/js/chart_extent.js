// From where to where lines reach.
import { lowerBound, quantile } from "./chart_math.js";

const SAMPLE = 6000; // values are enough to know which are outliers

/**
 * Least and greatest x of some lines.
 * @returns {[number, number]} [Infinity, -Infinity] where there is none
 */
export function extentX(lines, log) {
  let [low, high] = [Infinity, -Infinity];
  for (const { xs } of lines) {
    const first = log ? xs.find((x) => x > 0) : xs[0];
    if (first === undefined) continue;
    low = Math.min(low, first);
    high = Math.max(high, xs[xs.length - 1]);
  }
  return [low, high];
}

/** Least and greatest value in view. */
export function extentY(lines, [from, to], { logY, logX, outliers }) {
  let [low, high, count] = [Infinity, -Infinity, 0];
  const parts = [];
  for (const { xs, ys, raw, band } of lines) {
    const first = lowerBound(xs, logX ? Math.max(from, Number.MIN_VALUE) : from);
    const end = lowerBound(xs, to + Math.abs(to) * 1e-9);
    const last = xs[end] === to ? end + 1 : end;
    for (const values of band ? [band.low, band.high, ys] : [raw ?? ys]) {
      const [least, most] = first === 0 && last === values.length ? whole(values, logY) : between(values, first, last, logY);
      if (least < low) low = least;
      if (most > high) high = most;
      count += last - first;
      parts.push([values, first, last]);
    }
  }
  if (!outliers || count < 20) return [low, high];
  const every = Math.ceil(count / SAMPLE);
  const some = [];
  for (const [values, first, last] of parts) for (let i = first; i < last; i += every) if (typeof values[i] === "number" && (!logY || values[i] > 0)) some.push(values[i]);
  const sorted = Float64Array.from(some).sort();
  const [p1, p99] = some.length ? [quantile(sorted, 0.01), quantile(sorted, 0.99)] : [0, 0];
  return p99 > p1 ? [p1, p99] : [low, high];
}

function between(values, first, last, positive) {
  let [low, high] = [Infinity, -Infinity];
  for (let i = first; i < last; i++) {
    const value = values[i];
    if (typeof value !== "number" || (positive && value <= 0)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

const extents = [new WeakMap(), new WeakMap()];

/** The same of all values; a list that has grown is gone on with. */
function whole(values, positive) {
  const known = extents[positive ? 1 : 0].get(values) ?? { count: 0, low: Infinity, high: -Infinity };
  if (known.count > values.length) Object.assign(known, { count: 0, low: Infinity, high: -Infinity });
  const [low, high] = between(values, known.count, values.length, positive);
  Object.assign(known, { count: values.length, low: Math.min(low, known.low), high: Math.max(high, known.high) });
  extents[positive ? 1 : 0].set(values, known);
  return [known.low, known.high];
}
