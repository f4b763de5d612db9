// The parts of a comparison of two runs: tables of values, code, environment and outputs as elements.
import { number } from "./chart_format.js";
import { make } from "./dom.js";
import { plain } from "./wb_columns.js";

const FILES_OPEN = 8;
const UNCOMMITTED = {
  none: "nothing uncommitted",
  same: "the same uncommitted changes",
  differs: "different uncommitted changes",
  "only a": "uncommitted changes in A only",
  "only b": "uncommitted changes in B only",
};

/** A table of values of both, with the difference of numbers. */
export function valuesPart(rows, title) {
  if (!rows.length) return make("p", { class: "muted diff-note" }, "There are none.");
  const differing = rows.filter((row) => row.differs);
  const same = rows.filter((row) => !row.differs);
  const parts = [];
  if (differing.length) parts.push(table(title, differing.map(valueRow)));
  else parts.push(make("p", { class: "muted diff-note" }, `No ${title.toLowerCase()} differs.`));
  if (same.length) {
    const rest = table(title, same.map(valueRow));
    parts.push(make("details", { class: "fold diff-same" }, make("summary", {}, `${same.length} the same`), rest));
  }
  return make("div", {}, ...parts);
}

function valueRow(row) {
  const cell = (value, there) => make("td", { class: "mono anywhere" }, there && value !== null && value !== undefined ? shown(value) : make("span", { class: "muted" }, there ? "none" : "—"));
  return make("tr", row.differs ? { class: "differs" } : {},
    make("th", { scope: "row", class: "mono anywhere" }, row.key), cell(row.a, row.in_a), cell(row.b, row.in_b),
    make("td", { class: "num mono" }, signed(row.delta)));
}

function table(title, rows) {
  const head = make("tr", {}, ...[title, "A", "B"].map((name) => make("th", { scope: "col" }, name)), make("th", { scope: "col", class: "num" }, "B − A"));
  return make("div", { class: "table-wrap", tabIndex: 0, role: "region", "aria-label": `${title}s of both runs` },
    make("table", { class: "table diff-table" }, make("thead", {}, head), make("tbody", {}, ...rows)));
}

/** Metrics side by side: last values, and their difference; the extremes in a title. */
export function metricsPart(rows) {
  if (!rows.length) return make("p", { class: "muted diff-note" }, "Neither run has logged any.");
  const cell = (summary) => make("td", { class: "mono num" }, summary ? lastOf(summary) : make("span", { class: "muted" }, "—"));
  const extremes = (summary) => make("td", { class: "mono num muted" }, summary && summary.min !== null ? `${number(summary.min)} … ${number(summary.max)}` : "—");
  const head = make("tr", {}, ...["Metric", "A", "B", "B − A", "A min … max", "B min … max"].map((name, at) => make("th", { scope: "col", ...(at && { class: "num" }) }, name)));
  const body = rows.map((row) => make("tr", {}, make("th", { scope: "row", class: "mono anywhere" }, row.tag), cell(row.a), cell(row.b), make("td", { class: "mono num" }, signed(row.delta.last)), extremes(row.a), extremes(row.b)));
  return make("div", { class: "table-wrap", tabIndex: 0, role: "region", "aria-label": "Metrics of both runs" },
    make("table", { class: "table diff-table" }, make("thead", {}, head), make("tbody", {}, ...body)));
}

function lastOf(summary) {
  if (summary.nonfinite) return { nan: "NaN", inf: "+∞", "-inf": "−∞" }[summary.nonfinite];
  return summary.last === null ? "—" : number(summary.last);
}

/** Code file by file, and what git says. */
export function codePart({ code, git, a, b }) {
  const parts = [make("p", { class: "diff-note" }, code.note)];
  if (git.a || git.b) parts.push(gitPart(git, a, b));
  code.files.forEach((file, at) => parts.push(filePart(file, at < FILES_OPEN)));
  return make("div", {}, ...parts);
}

function gitPart(git, a, b) {
  const commit = (one) => (one?.commit ? make("span", {}, make("code", {}, one.commit.slice(0, 12)), one.branch ? ` on ${one.branch}` : "") : make("span", { class: "muted" }, "no commit known"));
  const link = (run, side) => make("a", { href: `/api/v1/runs/${run.id}/diff` }, `${side}’s`);
  const links = [];
  if (["same", "differs", "only a"].includes(git.uncommitted)) links.push(" · ", link(a, "A"));
  if (["differs", "only b"].includes(git.uncommitted)) links.push(" · ", link(b, "B"));
  return make("dl", { class: "facts diff-note" },
    make("dt", {}, "Commit"), make("dd", {}, git.same_commit ? make("span", {}, "the same: ", commit(git.a)) : make("span", {}, "A ", commit(git.a), " · B ", commit(git.b))),
    make("dt", {}, "git"), make("dd", {}, UNCOMMITTED[git.uncommitted], ...links));
}

function filePart(file, open) {
  const counts = file.lines.length ? [" · ", make("span", { class: "diff-plus" }, `+${file.added}`), " ", make("span", { class: "diff-minus" }, `−${file.removed}`)] : [];
  return make("details", { class: "fold diff", open },
    make("summary", {}, make("span", { class: "mono anywhere" }, file.path), make("span", { class: "small muted nowrap" }, file.status, ...counts)),
    ...(file.lines.length ? [linesPart(file.lines, `Changes in ${file.path}`)] : []),
    ...(file.note ? [make("p", { class: "small muted diff-note" }, file.note)] : []));
}

/** Lines of a unified diff. */
function linesPart(lines, label) {
  const rows = lines.map(([mark, old, fresh, text]) => make("tr", { "data-mark": mark },
    make("td", { class: "diff-number" }, String(old ?? "")), make("td", { class: "diff-number" }, String(fresh ?? "")),
    make("td", { class: "diff-mark" }, mark === "+" || mark === "-" ? mark : ""), make("td", { class: "diff-text" }, text)));
  return make("div", { class: "diff-lines", tabIndex: 0, role: "region", "aria-label": label }, make("table", {}, make("tbody", {}, ...rows)));
}

/** Where both ran, and their packages. */
export function environmentPart(environment) {
  if (!environment) return make("p", { class: "muted diff-note" }, "A run records its environment when it starts; of one of these nothing is recorded.");
  const { added, removed, changed, same } = environment.packages;
  const rows = [
    ...changed.map((one) => [one.name, one.a, one.b, "changed"]),
    ...removed.map((one) => [one.name, one.version, null, "only in A"]),
    ...added.map((one) => [one.name, null, one.version, "only in B"]),
  ].map(([name, a, b, word]) => make("tr", { class: "differs" }, make("th", { scope: "row", class: "mono anywhere" }, name), ...[a, b].map((version) => make("td", { class: "mono" }, version ?? "—")), make("td", { class: "small" }, word)));
  const head = make("tr", {}, ...["Package", "A", "B", ""].map((name) => (name ? make("th", { scope: "col" }, name) : make("td", {}))));
  const packages = rows.length
    ? make("div", { class: "table-wrap", tabIndex: 0, role: "region", "aria-label": "Packages that differ" }, make("table", { class: "table diff-table" }, make("thead", {}, head), make("tbody", {}, ...rows)))
    : make("p", { class: "diff-note muted" }, "No package differs.");
  return make("div", {}, valuesPart(environment.fields.filter((row) => row.a !== null || row.b !== null), "Field"), packages, make("p", { class: "muted small diff-note" }, `${same} package${same === 1 ? " is" : "s are"} the same.`));
}

/** The outputs. */
export function logPart(body, count, { log, a, b }, { masked, mask }) {
  count.textContent = log.same ? (log.masked ? "the same but for numbers" : "the same") : log.same === null ? "the same so far" : `differs from line ${log.first.line} on`;
  const box = make("input", { type: "checkbox", checked: masked(), onchange: (event) => mask(event.target.checked) });
  const parts = [make("label", { class: "inline diff-note" }, box, "Ignore numbers, times and addresses")];
  parts.push(make("p", { class: "diff-note" }, words(log)));
  if (log.lines.length) parts.push(linesPart(log.lines, "Difference of the outputs"));
  if (log.cut && log.same === false) parts.push(make("p", { class: "small muted diff-note" }, `Compared are ${log.shown[0]} lines of A and ${log.shown[1]} of B around the first difference; `, whole(a, "A"), " and ", whole(b, "B"), " go on."));
  const focused = body.contains(document.activeElement);
  body.replaceChildren(...parts);
  if (focused) box.focus();
}

function whole(run, side) {
  return make("a", { href: `/api/v1/runs/${run.id}/log` }, `the whole output of ${side}`);
}

function words(log) {
  const [a, b] = log.bytes;
  if (!a && !b) return "Neither run has printed anything.";
  if (log.same === null) return "They agree as far as they were read; both go on.";
  if (log.same) return log.masked ? "They differ in numbers, times and addresses at most." : "Not a line differs.";
  const { line } = log.first;
  if (log.first.a === null) return `A ends before line ${line}; B goes on.`;
  if (log.first.b === null) return `B ends before line ${line}; A goes on.`;
  return `Line ${line} is the first that differs.`;
}

function shown(value) {
  return typeof value === "number" ? (Number.isInteger(value) ? String(value) : number(value)) : plain(value);
}

function signed(delta) {
  if (delta === null || delta === undefined) return "";
  if (delta === 0) return "0";
  return `${delta > 0 ? "+" : "−"}${number(Math.abs(delta))}`;
}
