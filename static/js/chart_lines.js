// What is drawn of a tag: a line for each run, or for each group of runs the mean and its band.
import { xValues } from "./chart_data.js";
import { meanCurve, soften } from "./chart_math.js";

const relative = new WeakMap();

/**
 * @typedef {object} Line
 * @property {number|string} key the run, or the group's name
 * @property {number[]} runs
 * @property {number[]} xs
 * @property {(number|null)[]} ys what the line shows: smoothed where that is wanted
 * @property {(number|null)[]|null} raw the raw values, where ys is smoothed
 * @property {{low: (number|null)[], high: (number|null)[], n: number[]}|null} band of a group
 * @property {Map<number, string>} bad index → "nan", "inf" or "-inf"
 * @property {object|null} series of a single run
 */

/**
 * The lines of one chart.
 * @param {import("./chart_data.js").Series[]} list
 * @param {object} shown how: see `View.of`
 * @param {{origin: (run: number) => number, groups: {key: string, runs: number[]}[]|null}} board
 * @returns {Line[]}
 */
export function linesOf(list, shown, board) {
  const single = list.filter((one) => one.step.length).map((one) => lineOf(one, shown, board.origin(one.run)));
  if (!board.groups) return single;
  const byRun = new Map(single.map((line) => [line.key, line]));
  return board.groups.map((group) => merged(`${list[0]?.tag} ${group.key}`, group, group.runs.map((run) => byRun.get(run)).filter(Boolean), shown.band)).filter(Boolean);
}

function lineOf(series, { axis, smoothing, kernel }, origin) {
  const soft = smoothing ? soften(series, kernel, smoothing) : null;
  return { key: series.run, runs: [series.run], xs: places(series, axis, origin), ys: soft ?? series.y, raw: soft ? series.y : null, band: null, bad: series.bad, series };
}

/** x values; those that are made of others are made once, and grow with them. */
function places(series, axis, origin) {
  if (axis !== "relative") return xValues(series, axis, origin);
  const { wall } = series;
  let known = relative.get(wall);
  if (known?.origin !== origin) relative.set(wall, (known = { origin, out: [] }));
  for (let i = known.out.length; i < wall.length; i++) known.out.push(wall[i] - origin);
  return known.out;
}

const groups = new Map();

function merged(name, group, members, kind) {
  if (!members.length) return null;
  const print = `${kind} ${members.map((one) => `${one.key}:${one.ys.length}`).join()}`;
  const known = groups.get(name);
  const same = known?.print === print && members.every((one, i) => one.xs === known.parts[2 * i] && one.ys === known.parts[2 * i + 1]);
  if (same) return known.line;
  const { xs, ys, low, high, n } = meanCurve(members, kind);
  const line = { key: group.key, runs: group.runs, xs, ys, raw: null, band: { low, high, n }, bad: new Map(), series: null };
  groups.set(name, { print, parts: members.flatMap((one) => [one.xs, one.ys]), line });
  if (groups.size > 500) groups.delete(groups.keys().next().value);
  return line;
}

/** Is `now` the same line as `before`, with nothing changed but points at its end? */
export function grownFrom(before, now) {
  return before !== undefined && before.key === now.key && before.xs === now.xs && before.ys === now.ys && before.raw === now.raw && !now.band;
}
