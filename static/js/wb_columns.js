// Columns of runs: their names, values, titles and order. A column is named as in queries and in REST: state, created,
// params.lr, metrics.loss/val.min. Pure functions; the table, the palette and every pane that lets one choose a column use them.
import { configurationOf, own } from "./wb_configuration.js";

const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const FIXED = {
  id: ["Id", "number", (row) => row.id],
  name: ["Run", "text", (row) => row.name],
  state: ["State", "state", (row) => (row.stopping && !ENDED.has(row.state) ? "stopping" : row.state)],
  progress: ["Progress", "progress", (row) => fraction(row)],
  experiment: ["Experiment", "text", (row) => row.experiment],
  recipe: ["Recipe", "text", (row) => row.recipe],
  entrypoint: ["Script", "text", (row) => row.entrypoint],
  owner: ["Owner", "text", (row) => row.owner],
  tags: ["Tags", "tags", (row) => (row.tags.length ? row.tags.join(", ") : null)],
  device: ["Device", "text", (row) => row.device],
  seed: ["Seed", "number", (row) => row.seed],
  priority: ["Priority", "number", (row) => row.priority],
  duration: ["Duration", "duration", (row) => row.duration_s],
  created: ["Created", "time", (row) => row.created_at],
  started: ["Started", "time", (row) => row.started_at],
  finished: ["Finished", "time", (row) => row.finished_at],
  updated: ["Last active", "time", (row) => row.updated_at],
  reason: ["Reason", "text", (row) => row.reason],
  sweep: ["Sweep", "text", (row) => row.sweep],
  configuration: ["Configuration", "text", configurationOf],
};
/** How a metric is summed up. */
export const SUMMARIES = ["last", "min", "max"];
export const NONFINITE = { nan: "NaN", inf: "+∞", "-inf": "−∞" };

const known = new Map();

/**
 * A column by name: {name, title, kind, value(row), of?: "params"|"metrics", key?, summary?}. Kinds: text, number, state,
 * progress, tags, duration, time, param, metric. An unknown name is a column of nothing.
 */
export function column(name) {
  let made = known.get(name);
  if (!made) {
    made = make(name);
    known.set(name, made);
  }
  return made;
}

function make(name) {
  if (Object.hasOwn(FIXED, name)) {
    const [title, kind, value] = FIXED[name];
    return { name, title, kind, value };
  }
  if (name.startsWith("params.")) {
    const key = name.slice(7);
    return { name, title: key, kind: "param", of: "params", key, value: (row) => own(row.params, key) };
  }
  if (name.startsWith("metrics.")) {
    const summary = SUMMARIES.find((word) => name.endsWith(`.${word}`)) ?? "last";
    const tag = name.slice(8).replace(/\.(?:last|min|max)$/, "");
    const title = summary === "last" ? tag : `${tag} ${summary}`;
    return { name: metricColumn(tag, summary), title, kind: "metric", of: "metrics", key: tag, summary, value: (row) => own(row.metrics, tag)?.[summary] ?? null };
  }
  return { name, title: name, kind: "text", value: () => null };
}

/** Name of a metric's column. */
export function metricColumn(tag, summary = "last") {
  return `metrics.${tag}.${summary}`;
}

/** Names of the columns that every run has. */
export function fixedColumns() {
  return Object.keys(FIXED);
}

/** Is this column right-aligned, as numbers are? */
export function numeric(one) {
  return ["number", "duration", "param", "metric"].includes(one.kind);
}

/** How far a run is, 0 to 1, or null. */
export function fraction(row) {
  if (row.state === "succeeded") return 1;
  if (row.total > 0 && row.step !== null) return Math.min(1, row.step / row.total);
  if (row.epochs > 0 && row.epoch !== null) return Math.min(1, row.epoch / row.epochs);
  return null;
}

/** Keys of a sort text: [{name, down}]. */
export function sortKeys(text) {
  return text.split(",").filter(Boolean).map((word) => {
    const down = word.startsWith("-");
    return { name: readable(down ? word.slice(1) : word), down };
  });
}

/** The sort text of these keys. */
export function sortText(keys) {
  return keys.map(({ name, down }) => (down ? "-" : "") + name.replace(/[%,]/g, (char) => `%${char.charCodeAt(0).toString(16)}`)).join(",");
}

function readable(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

const words = new Intl.Collator("en", { numeric: true });

/**
 * Places of rows in the order of a sort text: missing values last in both directions, and the newest first among equals.
 * Values are looked up and compared as words once each, not with every comparison: thousands of rows are sorted within
 * milliseconds.
 * @param {object[]} rows
 * @param {string} text
 * @returns {number[]}
 */
export function inOrder(rows, text) {
  const keys = sortKeys(text);
  const ranks = keys.map(({ name, down }) => ranksOf(rows.map(column(name).value), down));
  const last = keys[0]?.down === false ? 1 : -1;
  return [...rows.keys()].sort((a, b) => {
    for (const rank of ranks) if (rank[a] !== rank[b]) return rank[a] - rank[b];
    return last * (rows[a].id - rows[b].id);
  });
}

/** Where each value stands among all: numbers before texts, what is missing at the end. */
function ranksOf(values, down) {
  const found = values.map((value) => (blank(value) ? null : typeof value === "string" || typeof value === "object" ? plain(value) : Number(value)));
  const numbers = [...Float64Array.from(new Set(found.filter((value) => typeof value === "number"))).sort()];
  const texts = [...new Set(found.filter((value) => typeof value === "string"))].sort(words.compare);
  const sorted = down ? [...numbers.reverse(), ...texts.reverse()] : [...numbers, ...texts];
  const ranks = new Map();
  sorted.forEach((value, at) => {
    const before = sorted[at - 1];
    const same = typeof value === "string" && typeof before === "string" && words.compare(value, before) === 0; // "01" and "1"
    ranks.set(value, same ? ranks.get(before) : at);
  });
  return Int32Array.from(found, (value) => (value === null ? sorted.length : ranks.get(value)));
}

function blank(value) {
  return value === null || value === undefined || Number.isNaN(value) || value === "";
}

/** A value as text, as JSON has it, except that strings stand without quotes. */
export function plain(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
