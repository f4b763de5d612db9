// The buttons above the run table: states, columns, grouping, differences, and what else; and the menu of a column.
import { icon, make } from "./dom.js";
import { SUMMARIES, column, fixedColumns, metricColumn } from "./wb_columns.js";
import { asText, toClipboard } from "./wb_copy.js";
import { inventory } from "./wb_model.js";
import { menu, popUp } from "./wb_pop.js";
import { toast } from "./toast.js";

const STATES = ["running", "queued", "succeeded", "failed", "cancelled"];
const STATE_TERM = /(^|\s)state:(running|queued|succeeded|failed|cancelled)(?=\s|$)/;

/** The tool bar of a table: {element, refresh}. */
export function toolBar(table) {
  const { state } = table;
  const states = make("div", { class: "wt-states", role: "group", "aria-label": "States" });
  const button = (name, words, onclick, more = {}) => make("button", { class: "btn small", type: "button", onclick, ...more }, icon(name), make("span", { class: "wt-words" }, words));
  const columns = button("columns", "Columns", () => chooser(table, columns), { "aria-haspopup": "dialog" });
  const group = button("group", "Group", () => grouping(table, group), { "aria-haspopup": "menu" });
  const differ = button("differ", "Differences", () => state.set({ diff: !state.get("diff") }), { title: "Only columns that differ" });
  const more = make("button", { class: "btn small icon", type: "button", "aria-label": "More", "aria-haspopup": "menu", onclick: () => others(table, more) }, icon("more"));
  const element = make("div", { class: "wt-tools" }, states, columns, group, differ, more);
  return {
    element,
    refresh() {
      showStates(states, table);
      differ.setAttribute("aria-pressed", String(state.get("diff")));
      const by = state.get("group");
      group.setAttribute("aria-pressed", String(Boolean(by)));
      group.lastChild.textContent = by ? `Group: ${column(by).title}` : "Group";
    },
  };
}

/** A button for each state that there is; it takes the state into the filter or out of it. */
function showStates(host, table) {
  const { rows } = table;
  const counts = new Map();
  for (const { state } of rows.all.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  const q = table.state.get("q");
  const chosen = STATE_TERM.exec(q)?.[2];
  const there = STATES.filter((name) => counts.has(name) || name === chosen);
  if (there.length < 2 && !chosen) return host.replaceChildren();
  const key = there.map((name) => `${name} ${counts.get(name)} ${name === chosen}`).join();
  if (host.dataset.key === key) return undefined;
  host.dataset.key = key;
  const held = host.contains(document.activeElement) ? document.activeElement.dataset.state : null;
  host.replaceChildren(...there.map((name) => make("button", {
    class: "chip wt-state-filter", type: "button", "data-state": name, "aria-pressed": String(name === chosen), title: `Only ${name} runs`,
    onclick: () => {
      const rest = table.state.get("q").replace(STATE_TERM, " ").trim();
      table.state.set({ q: name === chosen ? rest : `state:${name} ${rest}`.trim() });
      rows.filter();
    },
  }, String(counts.get(name) ?? 0), make("span", { class: "visually-hidden" }, ` ${name}`))));
  if (held) host.querySelector(`[data-state="${held}"]`)?.focus();
  return undefined;
}

function beside(table) {
  return getComputedStyle(table.closest("danlu-workbench")).gridTemplateColumns.split(" ").length > 1;
}

function others(table, anchor) {
  const { state } = table;
  const rows = () => (table.ticked.size ? [...table.ticked] : table.rows.ids).map((id) => table.rows.get(id)).filter(Boolean);
  const copy = async (format, words) => {
    const chosen = rows();
    const done = await toClipboard(asText(format, chosen, table.columns));
    toast(done ? `${chosen.length} run${chosen.length === 1 ? "" : "s"} copied as ${words}.` : "The browser refused to copy.", done ? "info" : "error");
  };
  menu(anchor, [
    ["Copy as CSV", () => copy("csv", "CSV")],
    ["Copy as Markdown", () => copy("markdown", "Markdown")],
    ["Copy as JSON", () => copy("json", "JSON")],
    null,
    ["Show archived runs", () => state.set({ arch: !state.get("arch") }), { checked: state.get("arch") }],
    ["Table beside the charts", () => state.set({ lay: beside(table) ? "top" : "side" }), { checked: beside(table) }],
    ["Draw all runs", () => state.set({ hide: [] })],
    ["Columns as at first", () => state.set({ cols: null, pin: [], w: {}, diff: false })],
    null,
    ["Keyboard shortcuts (?)", () => table.shortcuts.help()],
  ], "More");
}

function grouping(table, anchor) {
  const { state, rows } = table;
  const { params } = inventory(rows.all.values());
  const by = state.get("group");
  const set = (name) => {
    table.open.clear();
    state.set({ group: name }, { push: true });
  };
  const item = (name) => [column(name).title, () => set(name), { checked: by === name }];
  const differ = [...(table.differ ?? [])];
  const rest = [...params.keys()].map((key) => `params.${key}`).filter((name) => !differ.includes(name));
  menu(anchor, [["No groups", () => set(""), { checked: !by }], null, ...differ.map(item), ...(differ.length && rest.length ? [null] : []), ...rest.map(item),
    null, ["All but the seed", () => set("configuration"), { checked: by === "configuration" }], ...["recipe", "state", "owner", "sweep", "device"].map(item)], "Group by");
}

/** Choose and order columns. */
function chooser(table, anchor) {
  const { params, metrics } = inventory(table.rows.all.values());
  const names = () => table.columns.map((one) => one.name);
  const list = make("ol", { class: "wt-order", "aria-label": "Columns that are shown" });
  const rest = make("ul", { class: "wt-order", "aria-label": "Columns that are not shown" });
  const find = make("input", { type: "search", placeholder: "Find a column", "aria-label": "Find a column", oninput: () => show() });
  const pinned = () => table.state.get("pin");
  const set = (next) => {
    table.setColumns(next);
    show();
  };
  const every = [...fixedColumns().filter((name) => name !== "name"), ...[...params.keys()].map((key) => `params.${key}`), ...[...metrics.keys()].sort().flatMap((tag) => SUMMARIES.map((word) => metricColumn(tag, word)))];
  const line = (name, on) => {
    const one = column(name);
    const kind = { params: "param", metrics: "metric" }[one.of] ?? "";
    const box = make("input", { type: "checkbox", checked: on, onchange: () => set(on ? names().filter((other) => other !== name) : [...names(), name]) });
    const move = (step) => make("button", { class: "btn ghost icon small", type: "button", "aria-label": `Move ${one.title} ${step < 0 ? "up" : "down"}`, "data-step": step, onclick: () => shift(name, step) }, icon(step < 0 ? "up" : "down"));
    const pin = make("button", { class: "btn ghost icon small", type: "button", "aria-label": `Pin ${one.title}`, "aria-pressed": String(pinned().includes(name)), title: "Keep it at the left", onclick: () => togglePin(table, name) || show() }, icon("pin"));
    return make("li", { "data-name": name, draggable: on }, make("label", {}, box, make("span", { class: "clip" }, one.title), make("span", { class: "muted small" }, kind)), ...(on ? [pin, move(-1), move(1)] : []));
  };
  const shift = (name, step) => {
    const next = names();
    const at = next.indexOf(name);
    const to = at + step;
    if (to < 0 || to >= next.length) return;
    next.splice(to, 0, ...next.splice(at, 1));
    set(next);
    list.querySelector(`[data-name="${CSS.escape(name)}"] [data-step="${step}"]`)?.focus();
  };
  const show = () => {
    const held = panel?.contains(document.activeElement) ? document.activeElement.closest("li")?.dataset.name : null;
    const wanted = find.value.trim().toLowerCase();
    const fits = (name) => !wanted || name.toLowerCase().includes(wanted) || column(name).title.toLowerCase().includes(wanted);
    const on = names();
    list.replaceChildren(...on.filter(fits).map((name) => line(name, true)));
    const others = every.filter((name) => !on.includes(name) && fits(name));
    rest.replaceChildren(...others.slice(0, 200).map((name) => line(name, false)));
    if (held && document.activeElement === document.body) panel.querySelector(`[data-name="${CSS.escape(held)}"] input`)?.focus();
  };
  drag(list, (name, before) => {
    const next = names().filter((other) => other !== name);
    next.splice(before ? next.indexOf(before) : next.length, 0, name);
    set(next);
  });
  let panel;
  show();
  panel = popUp(anchor, [find, make("div", { class: "wt-lists", tabIndex: -1 }, list, make("hr", {}), rest)], { label: "Columns", class: "wt-columns" });
}

/** Reorder the lines of a list by dragging; the buttons do the same without a pointer. */
function drag(list, moved) {
  let held = null;
  list.addEventListener("dragstart", (event) => (held = event.target.closest("li")?.dataset.name));
  list.addEventListener("dragover", (event) => {
    event.preventDefault();
    for (const one of list.children) one.classList.toggle("wt-drop", one === event.target.closest("li"));
  });
  list.addEventListener("drop", (event) => {
    event.preventDefault();
    const target = event.target.closest("li");
    if (held && target && target.dataset.name !== held) moved(held, target.dataset.name);
  });
}

function togglePin(table, name) {
  const pin = table.state.get("pin");
  table.state.set({ pin: pin.includes(name) ? pin.filter((other) => other !== name) : [...pin, name] });
}

/** What can be done with one column. */
export function columnMenu(table, name, anchor) {
  const { state, header } = table;
  const one = column(name);
  const names = table.columns.map((other) => other.name);
  const items = [
    ["Sort ascending", () => header.sort(name, false, false)],
    ["Sort descending", () => header.sort(name, false, true)],
    ["Wider", () => header.widen(name, 40)],
    ["Narrower", () => header.widen(name, -40)],
  ];
  if (name !== "name") {
    items.push(null, ["Move left", () => header.move(name, -1)], ["Move right", () => header.move(name, 1)],
      ["Pin", () => togglePin(table, name), { checked: state.get("pin").includes(name) }],
      ["Hide", () => table.setColumns(names.filter((other) => other !== name))], null);
    if (one.of !== "metrics") items.push(["Group by it", () => state.set({ group: state.get("group") === name ? "" : name }, { push: true }), { checked: state.get("group") === name }]);
    else {
      for (const word of SUMMARIES) {
        const other = metricColumn(one.key, word);
        items.push([`${{ last: "Last", min: "Smallest", max: "Largest" }[word]} value`, () => table.setColumns(names.map((had) => (had === name ? other : had)).filter((had, place, all) => all.indexOf(had) === place)), { checked: one.summary === word }]);
      }
    }
  }
  menu(anchor, items, `Column ${one.title}`);
}
