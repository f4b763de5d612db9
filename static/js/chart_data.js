// Series: fetching them, the live points on top, and pure functions on them.

/**
 * @typedef {object} Series
 * @property {number} run
 * @property {string} tag
 * @property {number[]} step
 * @property {number[]} wall seconds since 1970
 * @property {(number|null)[]} y null where the value is not finite
 * @property {Map<number, string>} bad index → "nan", "inf" or "-inf"
 * @property {number} total points before thinning
 */

const LIVE_SECONDS = 15; // by then the data server has a point, or its run was started anew

/** One tag's name in two parts: the section, and the rest. */
export function splitTag(tag) {
  const slash = tag.indexOf("/");
  return slash > 0 && slash < tag.length - 1 ? [tag.slice(0, slash), tag.slice(slash + 1)] : ["", tag];
}

/**
 * A filter for tags: plain text without regard to case, or /regex/.
 * @param {string} text
 * @returns {(tag: string) => boolean}
 */
export function tagFilter(text) {
  const wanted = text.trim();
  if (wanted.length > 2 && wanted.startsWith("/") && wanted.endsWith("/")) {
    try {
      const pattern = new RegExp(wanted.slice(1, -1), "i");
      return (tag) => pattern.test(tag);
    } catch {
      return () => true; // half typed
    }
  }
  const lower = wanted.toLowerCase();
  return (tag) => tag.toLowerCase().includes(lower);
}

/**
 * Debiased exponential moving average. The weight counts steps, not points: thinning and zooming leave the curve as it is.
 * @param {(number|null)[]} y gaps stay gaps and do not count
 * @param {number[]} step
 * @param {number} weight 0 (raw) to 0.99
 * @param {number} spacing steps between two points before thinning
 * @returns {(number|null)[]}
 */
export function smooth(y, step, weight, spacing) {
  if (!weight) return y;
  const out = new Array(y.length);
  let sum = 0;
  let mass = 0;
  let before = step[0] - spacing;
  for (let i = 0; i < y.length; i++) {
    const value = y[i];
    if (value === null) {
      out[i] = null;
      continue;
    }
    const keep = weight ** Math.max(1e-9, (step[i] - before) / spacing);
    before = step[i];
    sum = sum * keep + value * (1 - keep);
    mass = mass * keep + (1 - keep);
    out[i] = sum / mass;
  }
  return out;
}

/** Steps between two points of a series before it was thinned. */
export function spacing(series) {
  const { step, total } = series;
  const range = step.length > 1 ? step[step.length - 1] - step[0] : 0;
  return range > 0 ? range / Math.max(1, total - 1) : 1;
}

/** The x values of a series on an axis: "step", "relative" (seconds since `origin`) or "wall". */
export function xValues(series, axis, origin) {
  if (axis === "step") return series.step;
  return axis === "wall" ? series.wall : series.wall.map((wall) => wall - origin);
}

/** Index of the value nearest to x in an ascending list. */
export function nearest(xs, x) {
  let low = 0;
  let high = xs.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle;
    else high = middle;
  }
  return Math.abs(xs[low] - x) <= Math.abs(xs[high] - x) ? low : high;
}

/** First and last finite value, least and greatest, with their steps; null when nothing is finite. */
export function extremes(series) {
  let found = null;
  series.y.forEach((value, i) => {
    if (value === null) return;
    const point = { value, step: series.step[i] };
    found ??= { first: point, min: point, max: point, last: point };
    if (value < found.min.value) found.min = point;
    if (value > found.max.value) found.max = point;
    found.last = point;
  });
  return found;
}

/** All series of some runs, by tag and run, with live points that the server's copy lacks. */
export class SeriesStore {
  /** @param {number[]} runs */
  constructor(runs) {
    this.runs = runs;
    this.tags = new Map(); // tag → Map(run → {base, live})
  }

  /** Every tag, sorted. */
  names() {
    return [...this.tags.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  }

  /** Ask which tags there are. @param {AbortSignal} signal */
  async list(signal) {
    const found = await this.#ask({ points: 4 }, [], signal);
    for (const series of found) this.#entry(series.tag, series.run);
  }

  /**
   * Fetch these tags anew.
   * @param {string[]} tags
   * @param {number} points at most so many per series; 0: all
   * @param {AbortSignal} signal
   */
  async load(tags, points, signal) {
    for (let i = 0; i < tags.length; i += 100) {
      const some = tags.slice(i, i + 100);
      for (const series of await this.#ask({ points }, some, signal)) {
        const entry = this.#entry(series.tag, series.run);
        entry.base = { ...series, bad: new Map(series.nonfinite) };
        const last = series.step.at(-1) ?? -Infinity;
        const now = Date.now() / 1000;
        entry.live = entry.live.filter((point) => point.step > last && now - point.heard < LIVE_SECONDS);
        entry.merged = null;
      }
    }
  }

  async #ask(query, tags, signal) {
    const params = new URLSearchParams(query);
    for (const run of this.runs) params.append("run", run);
    for (const tag of tags) params.append("tag", tag);
    const response = await fetch(`/api/v1/metrics?${params}`, { signal, cache: "no-store" });
    if (!response.ok) {
      const body = await response.json().catch(() => ({}));
      const error = new Error(body.detail ?? `The curves cannot be read (${response.status}).`);
      error.status = response.status;
      error.retryAfter = Number(response.headers.get("Retry-After")) || 0;
      throw error;
    }
    return (await response.json()).series;
  }

  #entry(tag, run) {
    let byRun = this.tags.get(tag);
    if (!byRun) this.tags.set(tag, (byRun = new Map()));
    let entry = byRun.get(run);
    if (!entry) byRun.set(run, (entry = { base: null, live: [], merged: null }));
    return entry;
  }

  /**
   * Take the last points that the stream tells.
   * @param {number} run
   * @param {Object<string, [number, number|null, string?]>} tags
   * @returns {string[]} tags that got a point
   */
  hear(run, tags) {
    const touched = [];
    for (const [tag, [step, value, name]] of Object.entries(tags)) {
      const entry = this.#entry(tag, run);
      const last = entry.live.at(-1)?.step ?? entry.base?.step.at(-1) ?? -Infinity;
      if (step === last) continue;
      if (step < last) this.#rewind(entry, step); // the run resumed from a checkpoint
      const heard = Date.now() / 1000;
      // This machine's clock may be behind the run's; the x values have to ascend all the same.
      const before = entry.live.at(-1)?.wall ?? entry.base?.wall.at(-1) ?? 0;
      entry.live.push({ step, value: value ?? null, name, heard, wall: Math.max(heard, before) });
      entry.merged = null;
      touched.push(tag);
    }
    return touched;
  }

  /** Forget curves of a run that have another name by now. */
  forget(run, tags) {
    for (const tag of tags) {
      const byRun = this.tags.get(tag);
      byRun?.delete(run);
      if (byRun?.size === 0) this.tags.delete(tag);
    }
  }

  #rewind(entry, step) {
    entry.live = entry.live.filter((point) => point.step < step);
    if (!entry.base) return;
    const keep = entry.base.step.findIndex((known) => known >= step);
    if (keep < 0) return;
    const { base } = entry;
    entry.base = { ...base, step: base.step.slice(0, keep), wall: base.wall.slice(0, keep), y: base.y.slice(0, keep), total: Math.min(base.total, keep) };
  }

  /**
   * The series of one tag, in the order of the runs, live points included.
   * @param {string} tag
   * @returns {Series[]}
   */
  series(tag) {
    const byRun = this.tags.get(tag) ?? new Map();
    return this.runs.filter((run) => byRun.has(run)).map((run) => merged(byRun.get(run), run, tag));
  }

  /** Whether a tag was fetched yet, for any run. */
  loaded(tag) {
    return [...(this.tags.get(tag)?.values() ?? [])].some((entry) => entry.base);
  }

  /** Wall time of the first point of a run. */
  origin(run) {
    let first = Infinity;
    for (const byRun of this.tags.values()) first = Math.min(first, byRun.get(run)?.base?.wall[0] ?? Infinity);
    return first;
  }
}

function merged(entry, run, tag) {
  if (entry.merged) return entry.merged;
  const base = entry.base ?? { run, tag, step: [], wall: [], y: [], bad: new Map(), total: 0 };
  if (!entry.live.length) return (entry.merged = base);
  const bad = new Map(base.bad);
  entry.live.forEach((point, i) => point.name && bad.set(base.step.length + i, point.name));
  entry.merged = {
    ...base,
    bad,
    step: base.step.concat(entry.live.map((point) => point.step)),
    wall: base.wall.concat(entry.live.map((point) => point.wall)),
    y: base.y.concat(entry.live.map((point) => point.value)),
    total: base.total + entry.live.length,
  };
  return entry.merged;
}
