// Series put together of what the server has sent and what the stream tells: grown, cut, joined, one stretch in full.
import { thin } from "./chart_data.js";

/** The last point: of the live ones, or else of the server's. */
export function lastOf({ live, base }) {
  const end = (base?.step.length ?? 0) - 1;
  return live.at(-1) ?? (end >= 0 ? { step: base.step[end], wall: base.wall[end] } : undefined);
}

/** What is drawn of an entry of the store: the server's series, a stretch in full, the live points; made anew only when it must be. */
export function shown(entry, run, tag) {
  if (entry.shown) return entry.shown;
  let series = entry.base ?? { run, tag, step: [], wall: [], y: [], bad: new Map(), total: 0, sampled: false };
  entry.own = entry.live.length > 0;
  if (entry.detail) series = spliced(series, entry.detail);
  if (entry.own) {
    const { step, wall, y, x } = series;
    series = { ...series, step: [...step], wall: [...wall], y: [...y], bad: new Map(series.bad) };
    if (x) series.x = [...x];
    for (const point of entry.live) series = grown(series, point);
  }
  return (entry.shown = series);
}

/** The same arrays with a point more. */
export function grown(series, { step, value, name, wall }) {
  if (name) series.bad.set(series.y.length, name);
  if (series.x) series.x.push(onwards(series, step));
  series.step.push(step);
  series.wall.push(wall);
  series.y.push(value);
  return { ...series, total: series.total + 1 };
}

/** The epoch of a step beyond the last known one, at the pace until now. */
function onwards({ x, step }, next) {
  const last = x.length - 1;
  if (last < 1) return x[last] ?? next;
  return x[last] + ((next - step[last]) * (x[last] - x[0])) / (step[last] - step[0] || 1);
}

/** The first points of a series. */
export function cut(series, count) {
  const bad = new Map([...series.bad].filter(([index]) => index < count));
  const shorter = { ...series, step: series.step.slice(0, count), wall: series.wall.slice(0, count), y: series.y.slice(0, count), bad, total: Math.min(series.total, count) };
  if (series.x) shorter.x = series.x.slice(0, count);
  return shorter;
}

/** One series behind the other. */
function joined(one, two, more) {
  const bad = new Map(one.bad);
  for (const [index, name] of two.bad) bad.set(one.y.length + index, name);
  const both = { ...one, step: one.step.concat(two.step), wall: one.wall.concat(two.wall), y: one.y.concat(two.y), bad, ...more };
  if (one.x && two.x) both.x = one.x.concat(two.x);
  else delete both.x;
  return both;
}

/** One series behind the other, in the arrays of the first one: they are nobody else's. */
function extended(one, two, more) {
  for (const [index, name] of two.bad) one.bad.set(one.y.length + index, name);
  for (const name of ["step", "wall", "y", ...(one.x && two.x ? ["x"] : [])]) one[name].push(...two[name]);
  const both = { ...one, ...more };
  if (!two.x) delete both.x;
  return both;
}

/**
 * What is drawn of an entry, when the server tells the points that the stream has told before: the same arrays, so that nothing has to be drawn
 * anew, with the server's times; null where it tells others.
 */
function confirmed({ shown: drawn, own, base, detail }, more) {
  if (!drawn || !own || detail || drawn.x) return null;
  const at = base.step.length;
  const end = at + more.step.length;
  if (drawn.step.length < end) return null;
  const same = (a, b) => a === b || (a !== null && b !== null && Math.fround(a) === Math.fround(b));
  for (let i = at; i < end; i++) {
    if (drawn.step[i] !== more.step[i - at] || !same(drawn.y[i], more.y[i - at]) || drawn.bad.get(i) !== more.bad.get(i - at)) return null;
  }
  return { ...drawn, wall: [...drawn.wall.slice(0, at), ...more.wall, ...drawn.wall.slice(end)], total: more.total + drawn.step.length - end };
}

/**
 * Put what the server has sent behind an entry's base; thinned where it gets long.
 * @returns {object|null} what may stay drawn, once the live points are sorted out
 */
export function append(entry, more, points) {
  const { base } = entry;
  const long = points && base.step.length + more.step.length > 2 * points;
  const drawn = long ? null : confirmed(entry, more);
  const longer = (entry.mine ? extended : joined)(base, more, { total: more.total, sampled: more.sampled });
  entry.base = long ? thin(longer, points) : longer;
  entry.mine = true;
  return drawn;
}

/** A series with one stretch in full. */
function spliced(series, detail) {
  const [first, last] = [detail.step[0], detail.step.at(-1)];
  const from = series.step.findIndex((step) => step >= first);
  if (from < 0) return series;
  let to = series.step.findIndex((step) => step > last);
  if (to < 0) to = series.step.length;
  const rest = { ...series, step: series.step.slice(to), wall: series.wall.slice(to), y: series.y.slice(to), bad: new Map() };
  for (const [index, name] of series.bad) if (index >= to) rest.bad.set(index - to, name);
  if (series.x) rest.x = series.x.slice(to);
  const { total, sampled } = series;
  return joined(joined(cut(series, from), detail, {}), rest, { total, sampled });
}
