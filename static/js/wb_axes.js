// Axes of columns: where a value stands from 0 to 1, and what is written beside it. Numbers, logarithmic numbers and
// categories; used by the parallel coordinates and by the scatter. Pure.
import { logTicks, number, ticks } from "./chart_format.js";
import { duration } from "./time.js";
import { byWord } from "./wb_brush.js";
import { column, metricColumn, plain, SUMMARIES } from "./wb_columns.js";

const SPAN = 10; // a param of which the largest is so many times the smallest was chosen on a logarithmic scale
const FEW = 6; // so many values are all written beside an axis
const MOST_LABELS = 24;
const FIXED = ["duration", "created", "seed", "state", "owner", "recipe", "entrypoint", "device"];
const when = new Intl.DateTimeFormat("en-GB", { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

/**
 * The axis of a column over some rows.
 * @param {string} name
 * @param {object[]} rows
 * @param {string[]} flipped columns that are scaled the other way than by themselves
 * @returns {{name: string, title: string, numeric: boolean, log: boolean, canLog: boolean, low: any, high: any,
 *   value: (row: object) => any, at: (row: object) => number|null, place: (value: any) => number|null,
 *   back: (place: number) => any, text: (value: any) => string, ticks: (count: number) => {at: number, text: string}[]}}
 */
export function axisOf(name, rows, flipped) {
  const one = column(name);
  const values = rows.map(one.value).filter(there);
  const numeric = values.length > 0 && values.every((value) => typeof value === "number");
  return numeric ? numberAxis(one, values, flipped.includes(name)) : wordAxis(one, values);
}

function there(value) {
  return value !== null && value !== undefined && !Number.isNaN(value);
}

function numberAxis(one, values, flipped) {
  const finite = values.filter(Number.isFinite);
  let low = Math.min(...finite, Infinity);
  let high = Math.max(...finite, -Infinity);
  if (!finite.length) [low, high] = [0, 1];
  const canLog = low > 0;
  const log = canLog && (one.of === "params" && high / low >= SPAN && (high > 1 || low < 0.01)) !== flipped;
  const [from, to] = padded(log ? Math.log10(low) : low, log ? Math.log10(high) : high);
  const place = (value) => (Number.isFinite(value) && (!log || value > 0) ? ((log ? Math.log10(value) : value) - from) / (to - from) : null);
  const text = writer(one);
  const own = [...new Set(finite)].sort((a, b) => a - b);
  return {
    name: one.name, title: one.title, numeric: true, log, canLog, low, high, value: one.value, place, text,
    at: (row) => place(one.value(row)),
    back: (spot) => Number((log ? 10 ** (from + spot * (to - from)) : from + spot * (to - from)).toPrecision(4)),
    ticks: (count) => {
      if (own.length <= FEW && apart(own.map(place), 1 / (2 * count))) return own.map((value) => ({ at: place(value), text: text(value) }));
      const found = log ? logSpots(from, to, count) : spots(from, to, count);
      const words = one.kind === "duration" || one.kind === "time" ? found.map(text) : log ? logTicks(found) : ticks(found);
      return found.map((value, index) => ({ at: place(value), text: words[index] || text(value) }));
    },
  };
}

/** Is there room for a label at each of these places? */
function apart(places, least) {
  return places.length > 0 && places.every((at, index) => index === 0 || at - places[index - 1] >= least);
}

function padded(low, high) {
  if (high > low) return [low, high];
  const pad = Math.abs(low) * 0.1 || 0.5;
  return [low - pad, high + pad];
}

function writer(one) {
  if (one.kind === "duration") return (value) => duration(value);
  if (one.kind === "time") return (value) => when.format(value * 1000);
  return (value) => number(value);
}

/** Round numbers between two ends. */
function spots(from, to, count) {
  const raw = (to - from) / Math.max(1, count);
  const size = 10 ** Math.floor(Math.log10(raw));
  const gap = size * [1, 2, 5, 10].find((step) => step * size >= raw);
  const found = [];
  for (let k = Math.ceil(from / gap - 1e-9); k * gap <= to + gap * 1e-9 && found.length < 50; k++) found.push(Number((k * gap).toPrecision(12)));
  return found;
}

/** Powers of ten between two ends, with 2 and 5 where there are few. */
function logSpots(from, to, count) {
  const steps = to - from < 1.5 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil((to - from) / Math.max(1, count)));
  const found = [];
  for (let power = Math.floor(from); power <= Math.ceil(to); power++) {
    if (steps.length === 1 && power % every) continue;
    for (const step of steps) {
      const value = Number(`${step}e${power}`);
      if (Math.log10(value) >= from - 1e-9 && Math.log10(value) <= to + 1e-9) found.push(value);
    }
  }
  return found.length ? found : [10 ** from, 10 ** to].map((value) => Number(value.toPrecision(2)));
}

function wordAxis(one, values) {
  const words = [...new Set(values.map(plain))].sort(byWord);
  const places = new Map(words.map((word, index) => [word, words.length === 1 ? 0.5 : index / (words.length - 1)]));
  const place = (value) => (there(value) ? places.get(plain(value)) ?? null : null);
  return {
    name: one.name, title: one.title, numeric: false, log: false, canLog: false, low: words[0] ?? "", high: words.at(-1) ?? "", words, value: one.value, place,
    at: (row) => place(one.value(row)),
    back: (spot) => words[Math.round(Math.min(1, Math.max(0, spot)) * (words.length - 1))] ?? "",
    text: (value) => (there(value) ? plain(value) : "—"),
    ticks: (count) => {
      const every = Math.ceil(words.length / Math.min(MOST_LABELS, Math.max(2, count * 2)));
      return words.filter((_, index) => index % every === 0).map((word) => ({ at: places.get(word), text: word }));
    },
  };
}

/** Columns that can be an axis, in groups for a menu: [[title, names]]. */
export function axisColumns(rows) {
  const params = new Set();
  const tags = new Set();
  for (const row of rows) {
    for (const key of Object.keys(row.params)) params.add(key);
    for (const tag of Object.keys(row.metrics)) tags.add(tag);
  }
  const metrics = [...tags].sort(byWord).flatMap((tag) => SUMMARIES.map((summary) => metricColumn(tag, summary)));
  return [["Params", [...params].sort(byWord).map((key) => `params.${key}`)], ["Metrics", metrics], ["Run", FIXED]].filter(([, names]) => names.length);
}

/** Params that differ between rows, those that most rows have first. */
export function differing(rows) {
  const seen = new Map();
  for (const row of rows) {
    for (const [key, value] of Object.entries(row.params)) {
      const entry = seen.get(key) ?? { count: 0, values: new Set() };
      entry.count += 1;
      if (entry.values.size < 3) entry.values.add(plain(value));
      seen.set(key, entry);
    }
  }
  const found = [...seen].filter(([, { count, values }]) => values.size > 1 || count < rows.length);
  return found.sort((a, b) => b[1].count - a[1].count || byWord(a[0], b[0])).map(([key]) => `params.${key}`);
}

/** Scalar tags of rows, the likeliest to be of interest first: of a validation, then those that most runs have. */
export function metricTags(rows) {
  const counts = new Map();
  for (const row of rows) for (const tag of Object.keys(row.metrics)) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const rank = (tag) => (/val|test|eval/i.test(tag) ? 2 : 0) + (/loss|acc|error|score/i.test(tag) ? 1 : 0) - (/^(?:system|hparams|lr\b)/i.test(tag) ? 4 : 0);
  return [...counts].sort((a, b) => rank(b[0]) - rank(a[0]) || b[1] - a[1] || byWord(a[0], b[0])).map(([tag]) => tag);
}

/** Which end of a metric is better, by its name. */
export function likelyGoal(tag) {
  return /acc|auc|f1|precision|recall|score|reward|return|iou|\bmap\b|bleu|rouge|r2|psnr|ssim/i.test(tag) ? "max" : "min";
}
