// The cells of the run table: what stands in them, made once for a line and rewritten when the row has changed.
import { number } from "./chart_format.js";
import { icon, make } from "./dom.js";
import { duration } from "./time.js";
import { NONFINITE, fraction, numeric, plain } from "./wb_columns.js";
import { common, summarise } from "./wb_model.js";

const OPEN = new Set(["queued", "running"]);

/** Fill a cell with a run's value. */
export function fill(cell, one, row, { may }) {
  const value = one.value(row);
  if (one.kind === "state") return fillState(cell, row, value, may);
  if (one.kind === "progress") return fillProgress(cell, row);
  if (one.kind === "time") return fillTime(cell, { mode: "short", datetime: iso(value) }, value);
  if (one.kind === "duration") {
    return fillTime(cell, { mode: "duration", datetime: iso(row.started_at), until: iso(row.finished_at) }, row.started_at);
  }
  if (one.kind === "tags") return cell.replaceChildren(...row.tags.map((tag) => make("span", { class: "tag", title: tag }, tag)));
  const text = textOf(one, row);
  return write(cell, text, text.length > 12 ? text : "");
}

/** A value as the table shows it. */
export function textOf(one, row) {
  const value = one.value(row);
  if (one.kind === "metric") {
    const summary = row.metrics[one.key];
    if (summary && one.summary === "last" && summary.nonfinite) return NONFINITE[summary.nonfinite];
    return typeof value === "number" ? number(value) : "";
  }
  if (one.kind === "duration") return value === null ? "" : duration(value);
  if (one.kind === "time") return value === null ? "" : new Date(value * 1000).toISOString();
  if (one.kind === "progress") return value === null ? "" : `${Math.round(value * 100)} %`;
  return value === null && one.kind !== "param" ? "" : value === undefined ? "" : plain(value);
}

/** Fill a cell of a group: what its runs have in common, or mean ± spread. */
export function fillGroup(cell, one, rows) {
  const values = rows.map(one.value);
  if (one.kind === "state" || one.kind === "progress") return one.kind === "state" ? fillStates(cell, rows) : write(cell, "");
  if (one.kind === "time" || one.kind === "tags") return write(cell, "");
  const same = common(values);
  if (same !== undefined && !(numeric(one) && one.kind !== "param")) return write(cell, textOf(one, rows[0]));
  const stats = summarise(values);
  if (!stats) return write(cell, numeric(one) || same === null ? "" : `${new Set(values.map((value) => plain(value ?? null))).size} values`);
  const show = one.kind === "duration" ? duration : number;
  const spread = stats.sd === null ? "" : ` ± ${show(stats.sd)}`;
  return write(cell, `${show(stats.mean)}${spread}`, `mean of ${stats.n}${stats.sd === null ? "" : " ± standard deviation"}`);
}

/** Change the text that is there, rather than put in another one: a node in the page costs more than a word. */
function write(cell, text, title = "") {
  const node = cell.firstChild;
  if (node?.nodeType !== Node.TEXT_NODE || node.nextSibling) cell.textContent = text;
  else if (node.data !== text) node.data = text;
  if (cell.title !== title) cell.title = title;
}

function iso(seconds) {
  return seconds === null || seconds === undefined ? undefined : new Date(seconds * 1000).toISOString();
}

function fillTime(cell, attributes, value) {
  if (value === null) return write(cell, "");
  let time = cell.firstElementChild;
  if (time?.localName !== "danlu-time") {
    time = document.createElement("danlu-time");
    for (const [name, text] of Object.entries(attributes)) if (text) time.setAttribute(name, text);
    return cell.replaceChildren(time);
  }
  for (const [name, text] of Object.entries(attributes)) {
    if (text === undefined) time.removeAttribute(name);
    else if (time.getAttribute(name) !== text) time.setAttribute(name, text);
  }
  return undefined;
}

function fillState(cell, row, state, may) {
  const key = `${state} ${row.reason} ${may && OPEN.has(row.state) ? `${row.name} #${row.id}` : ""}`; // a button names its run
  if (cell.dataset.key === key && cell.firstElementChild) return;
  cell.dataset.key = key;
  const parts = [make("span", { class: "chip", "data-state": state }, state)];
  if (row.state === "failed" && row.reason) parts.push(make("span", { class: "muted small clip", title: row.reason.replaceAll("_", " ") }, row.reason.replaceAll("_", " ")));
  if (may && OPEN.has(row.state) && !row.stopping) {
    parts.push(make("button", { class: "btn small ghost wt-cancel", type: "button", tabIndex: -1, "data-act": "cancel" }, "Cancel", make("span", { class: "visually-hidden" }, ` ${row.name} #${row.id}`)));
  }
  cell.replaceChildren(...parts);
}

function fillStates(cell, rows) {
  const counts = new Map();
  for (const { state } of rows) counts.set(state, (counts.get(state) ?? 0) + 1);
  cell.replaceChildren(...[...counts].map(([state, count]) => make("span", { class: "chip", "data-state": state, title: `${count} ${state}` }, String(count))));
}

function fillProgress(cell, row) {
  const done = fraction(row);
  if (row.state === "queued" || row.state === "succeeded" || (done === null && row.state !== "running")) return write(cell, "");
  const words = row.epochs > 0 && row.epoch !== null ? `epoch ${row.epoch} of ${row.epochs}` : row.total > 0 ? `step ${row.step ?? 0} of ${row.total}` : row.phase ?? "";
  let bar = cell.querySelector("progress");
  if (!bar) {
    bar = make("progress", { max: 100 });
    cell.replaceChildren(bar, make("span", { class: "muted small clip" }));
  }
  bar.setAttribute("aria-label", `Progress of ${row.name} #${row.id}`);
  if (done === null) bar.removeAttribute("value");
  else if (bar.value !== done * 100) bar.value = done * 100;
  const left = row.state === "running" && row.eta_s !== null ? `${duration(row.eta_s)} left` : "";
  const text = row.state === "running" ? left || words : "";
  if (cell.lastElementChild.textContent !== text) cell.lastElementChild.textContent = text;
  cell.title = [words, left].filter(Boolean).join(", ");
}

/** The first cells of a line, empty: tick, eye, colour and name. */
export function leadOf() {
  const box = make("input", { type: "checkbox", name: "run", tabIndex: -1 });
  const eye = make("button", { class: "wt-eye", type: "button", tabIndex: -1, "data-act": "eye" }, icon("eye"));
  const swatch = make("button", { class: "wt-swatch", type: "button", tabIndex: -1, "data-act": "colour", "aria-haspopup": "dialog" }, make("span", { class: "swatch" }));
  const link = make("a", { tabIndex: -1 });
  const number = make("span", { class: "muted small" });
  const tags = make("span", { class: "wt-tags" });
  return {
    box, eye, swatch, link, number, tags,
    tick: make("td", { role: "gridcell", class: "wt-tick" }, box, eye),
    name: make("th", { role: "rowheader", scope: "row", class: "wt-name" }, swatch, link, number, tags),
  };
}

/** Write what a run's first cells say now. */
export function fillLead(lead, row, { ticked, hidden, look, base }) {
  const named = `${row.name} #${row.id}`;
  if (lead.named !== named) {
    lead.named = named;
    lead.box.value = row.id;
    lead.box.id = `tick-${row.id}`;
    lead.box.setAttribute("aria-label", `Select ${named}`);
    lead.eye.setAttribute("aria-label", `Draw the curves of ${named}`);
    lead.swatch.setAttribute("aria-label", `Colour of ${named}`);
    lead.link.href = `/runs/${row.id}`;
    lead.link.textContent = lead.link.title = row.name;
    lead.number.textContent = `#${row.id}`;
  }
  lead.box.checked = ticked;
  if (lead.eye.getAttribute("aria-pressed") !== String(!hidden)) {
    lead.eye.setAttribute("aria-pressed", String(!hidden));
    lead.eye.title = hidden ? "Not drawn; show its curves" : "Hide its curves";
  }
  lead.swatch.firstElementChild.dataset.colour = look.colour;
  lead.swatch.firstElementChild.dataset.dash = look.dash;
  const tags = [...(base ? ["baseline run"] : []), ...row.tags, ...(row.archived ? ["archived"] : [])].join("\n");
  if (lead.tags.dataset.key === tags) return;
  lead.tags.dataset.key = tags;
  lead.tags.replaceChildren(
    ...(base ? [make("span", { class: "tag wt-mark", title: "The baseline" }, "base")] : []),
    ...(row.archived ? [make("span", { class: "tag wt-mark" }, "archived")] : []),
    ...row.tags.map((tag) => make("span", { class: "tag", title: tag }, tag)));
}
