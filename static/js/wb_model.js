// What the run table shows: which columns, and its lines, grouped or not. Pure functions on rows; nothing here touches the page.
import { column, inOrder, metricColumn, numeric, sortKeys } from "./wb_columns.js";
import { groupsOf } from "./wb_groups.js";

const MAX_METRICS = 3;
const MAX_PARAMS = 6;
const ALIKE_PARAMS = 2; // columns for params even where none differ
const COMPARED = 40; // of each kind, in a comparison
const LIVE = new Set(["queued", "running"]);

/** Everything there is to choose from, by how it is called: {params: Map(key → runs), metrics: Map(tag → runs)}. */
export function inventory(rows) {
  const params = new Map();
  const metrics = new Map();
  for (const row of rows) {
    for (const key in row.params) params.set(key, (params.get(key) ?? 0) + 1);
    for (const tag in row.metrics) metrics.set(tag, (metrics.get(tag) ?? 0) + 1);
  }
  return { params, metrics };
}

/** Params that are not the same in all these rows, in the order of the first row that has them. */
export function differing(rows, params) {
  if (rows.length < 2) return [];
  return [...params.keys()].filter((key) => {
    if (params.get(key) !== rows.length) return true;
    const first = canonical(rows[0].params[key]);
    return rows.some((row) => canonical(row.params[key]) !== first);
  });
}

function canonical(value) {
  return typeof value === "object" ? JSON.stringify(value) : value;
}

/** Metrics by how telling they are: validation before training, those that most runs have before the others. */
export function mainMetrics(metrics) {
  const weight = (tag) => {
    const words = tag.toLowerCase();
    if (words.includes("val") || words.includes("test")) return 0;
    if (words.includes("loss") || words.includes("acc")) return 1;
    return /^(lr|time|system|learning_rate)/.test(words) ? 3 : 2;
  };
  return [...metrics.keys()].sort((a, b) => weight(a) - weight(b) || metrics.get(b) - metrics.get(a) || (a < b ? -1 : 1));
}

/**
 * The columns to show, after the name: those that the address names, or the telling ones.
 * @param {object[]} rows what the table shows
 * @param {{cols: string[]|null, pin: string[], diff: boolean, compare: boolean}} wish
 * @returns {{columns: object[], differ: Set<string>}} pinned ones first; differ: names of the params that differ
 */
export function chosenColumns(rows, { cols, pin, diff, compare }) {
  const { params, metrics } = inventory(rows);
  const differ = differing(rows, params);
  let names = cols;
  if (!names) {
    const spread = (key) => rows.every((row) => isPlain(row.params[key]));
    const usual = compare ? differ : differ.filter((key) => spread(key) && params.get(key) * 2 >= rows.length);
    const alike = [...params.keys()].filter((key) => !differ.includes(key) && spread(key));
    const shown = compare ? [...usual, ...alike].slice(0, COMPARED) : [...usual.slice(0, MAX_PARAMS), ...alike].slice(0, Math.max(ALIKE_PARAMS, Math.min(usual.length, MAX_PARAMS)));
    const tags = mainMetrics(metrics).slice(0, compare ? COMPARED : MAX_METRICS);
    names = ["state", ...(rows.some((row) => LIVE.has(row.state)) ? ["progress"] : []),
      ...(compare ? [] : tags.map((tag) => metricColumn(tag))), ...shown.map((key) => `params.${key}`),
      ...(compare ? tags.map((tag) => metricColumn(tag)) : []), "duration", "created"];
  }
  if (diff) {
    const others = names.filter((name) => !name.startsWith("params.") && varies(rows, column(name)));
    names = cols ? names.filter((name) => varies(rows, column(name))) : [...others.filter((name) => name === "state"), ...differ.map((key) => `params.${key}`), ...others.filter((name) => name !== "state")];
  }
  const pinned = pin.filter((name) => name !== "name");
  names = [...pinned, ...names.filter((name) => name !== "name" && !pinned.includes(name))];
  return { columns: [...new Set(names)].map(column), differ: new Set(differ.map((key) => `params.${key}`)) };
}

function isPlain(value) {
  return value === null || typeof value !== "object" ? String(value ?? "").length <= 40 : false;
}

function varies(rows, one) {
  if (rows.length < 2) return true;
  const first = canonical(one.value(rows[0]));
  return rows.some((row) => canonical(one.value(row)) !== first);
}

/**
 * The lines of the table: {id, level?} or {group, label, ids, open}.
 * @param {object} rows the store
 * @param {string} group column to group by, or ""
 * @param {Set<string>} open keys of the groups that show their runs
 * @param {string} sort
 */
export function linesOf(rows, group, open, sort) {
  if (!group) return rows.ids.map((id) => ({ id }));
  const all = groupsOf(rows.ids, (id) => rows.get(id), group).map(({ key, label, ids }) => ({ group: key, label, ids, open: open.has(key) }));
  return sorted(all, rows, group, sort).flatMap((one) => (one.open ? [one, ...one.ids.map((id) => ({ id, level: 2 }))] : [one]));
}

/** Groups by the mean of the column that sorts, or by their own value. */
function sorted(groups, rows, group, sort) {
  const [key] = sortKeys(sort);
  const by = key && column(key.name);
  if (!by || !numeric(by) || key.name === group || key.name === "id") {
    return inOrder(groups.map((one) => rows.get(one.ids[0])), key?.name === group ? sort : group).map((place) => groups[place]);
  }
  const means = new Map(groups.map((one) => [one, summarise(one.ids.map((id) => by.value(rows.get(id))))?.mean ?? null]));
  return groups.sort((one, other) => {
    const [a, b] = [means.get(one), means.get(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    return key.down ? b - a : a - b;
  });
}

/**
 * Mean and spread of the numbers among values.
 * @returns {{n: number, mean: number, sd: number|null}|null} sd with n - 1; null of one number. null where there is no number
 */
export function summarise(values) {
  let n = 0;
  let mean = 0;
  let squares = 0;
  for (const value of values) {
    if (typeof value !== "number" || !Number.isFinite(value)) continue;
    n += 1;
    const away = value - mean;
    mean += away / n; // Welford: no catastrophe for large means
    squares += away * (value - mean);
  }
  if (!n) return null;
  return { n, mean, sd: n > 1 ? Math.sqrt(squares / (n - 1)) : null };
}

/** The one value that all have, or undefined. */
export function common(values) {
  const first = canonical(values[0]);
  return values.every((value) => canonical(value) === first) ? values[0] : undefined;
}
