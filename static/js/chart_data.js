// Series: pure functions on them. chart_store.js holds them, chart_feed.js says when to fetch what.

/**
 * A series never changes, except that points are appended: another object with the *same* arrays, grown, is the same
 * curve with more points at its end. Series that were logged at the same steps often have the same `step` array: those
 * need no alignment (`uPlot.join` of a hundred thinned ones makes a hundred arrays as long as all their steps together).
 * @typedef {object} Series
 * @property {number} run
 * @property {string} tag
 * @property {number[]} step
 * @property {number[]} wall seconds since 1970
 * @property {(number|null)[]} y null where the value is not finite
 * @property {Map<number, string>} bad index → "nan", "inf" or "-inf"
 * @property {number} total points before thinning
 * @property {boolean} sampled the server itself has a sample only
 * @property {number[]} [x] epochs, when the store's axis is "epoch"
 */

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

/** Steps between two points of a series before it was thinned. */
export function spacing(series) {
  const { step, total } = series;
  const range = step.length > 1 ? step[step.length - 1] - step[0] : 0;
  return range > 0 ? range / Math.max(1, total - 1) : 1;
}

/** The x values of a series on an axis: "step", "relative" (seconds since `origin`), "wall" or "epoch". */
export function xValues(series, axis, origin) {
  if (axis === "step") return series.step;
  if (axis === "epoch") return series.x ?? series.step; // a run that logged none goes by its steps
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

/**
 * Fewer points, as the server thins: the first and the last, and of each stretch between them the least, the greatest and
 * the first that is not finite.
 * @param {Series} series
 * @param {number} most
 * @returns {Series}
 */
export function thin(series, most) {
  const { y } = series;
  const count = y.length;
  if (count <= most) return series;
  const width = Math.ceil((count - 2) / Math.max(1, Math.floor((most - 2) / (series.bad.size ? 3 : 2))));
  const kept = [0];
  for (let start = 1; start < count - 1; start += width) {
    const end = Math.min(start + width, count - 1);
    let [low, high, hole] = [-1, -1, -1];
    for (let i = start; i < end; i++) {
      if (y[i] === null) hole = hole < 0 ? i : hole;
      else {
        if (low < 0 || y[i] < y[low]) low = i;
        if (high < 0 || y[i] > y[high]) high = i;
      }
    }
    kept.push(...[...new Set([low, high, hole])].filter((i) => i >= 0).sort((a, b) => a - b));
  }
  kept.push(count - 1);
  const pick = (list) => kept.map((i) => list[i]);
  const bad = new Map();
  kept.forEach((i, at) => series.bad.has(i) && bad.set(at, series.bad.get(i)));
  const fewer = { ...series, step: pick(series.step), wall: pick(series.wall), y: pick(y), bad };
  if (series.x) fewer.x = pick(series.x);
  return fewer;
}
