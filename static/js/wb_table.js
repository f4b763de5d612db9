// <danlu-runs rows="12">: the run table of a workbench. It puts itself in the place of the server's plain table.
// `el.state()` tells tests what is shown.
import { afterPaint, make } from "./dom.js";
import { Bulk } from "./wb_bulk.js";
import { FilterBox } from "./wb_filter.js";
import { Grid, keyOf } from "./wb_grid.js";
import { Hands, stopsOf } from "./wb_hands.js";
import { Header } from "./wb_header.js";
import { columnMenu, toolBar } from "./wb_menus.js";
import { chosenColumns, linesOf } from "./wb_model.js";
import { Shortcuts } from "./wb_shortcuts.js";
import { workbench } from "./wb_state.js";

class Runs extends HTMLElement {
  columns = [];
  ticked = new Set();
  hidden = new Set();
  open = new Set(); // keys of groups that show their runs
  active = { at: -1, key: null, stop: 0 };
  #anchor = null;
  #offs = [];

  connectedCallback() {
    this.state = workbench(this);
    this.rows = this.state.rows;
    this.may = this.hasAttribute("may");
    this.#build();
    const { state, rows } = this;
    this.#offs = [
      rows.on((change) => this.#rowsChanged(change)),
      state.on(["cols", "pin", "w", "diff", "group"], () => this.#arrange()),
      state.on(["sel", "hide", "base"], () => this.#marks()),
    ];
    this.#readMarks();
    if (rows.phase !== "loading") this.#rowsChanged({ what: "load" });
  }

  disconnectedCallback() {
    for (const off of this.#offs) off();
    this.grid.stop();
    this.shortcuts.stop();
    this.bulk.stop();
  }

  /** What is shown, for tests. */
  shown() {
    return {
      columns: this.columns.map((one) => one.name), lines: this.grid.lines.length, ticked: [...this.ticked],
      drawn: this.grid.body.children.length, sort: this.state.get("sort"), names: [...this.grid.body.children].map((row) => row.dataset.key),
    };
  }

  #build() {
    this.none = this.querySelector("template[data-empty]");
    this.filter = new FilterBox(this.state, this.getAttribute("experiment"));
    this.tools = toolBar(this);
    this.pill = make("button", { class: "wt-pill", type: "button", hidden: true, onclick: () => this.#reveal() });
    const head = make("tr", { role: "row", "aria-rowindex": 1 });
    const body = make("tbody", { role: "rowgroup" });
    this.table = make("table", { role: "grid", class: "wt", "aria-label": "Runs", "aria-multiselectable": "true" }, make("thead", { role: "rowgroup" }, head), body);
    this.scroll = make("div", { class: "wt-scroll" }, this.table);
    this.empty = make("div", { class: "empty slim", hidden: true });
    this.spoken = make("div", { class: "visually-hidden", role: "status" });
    this.bulk = new Bulk(this);
    this.frame = make("div", { class: "wt-frame" },
      make("div", { class: "wt-bar" }, this.filter.element, this.tools.element),
      make("div", { class: "wt-view" }, this.scroll, this.pill, this.empty), this.bulk.element, this.spoken);
    this.replaceChildren(this.frame);
    this.grid = new Grid(this, this.scroll, this.table, body);
    this.header = new Header(this, head);
    this.shortcuts = new Shortcuts(this);
    this.hands = new Hands(this);
  }

  // what the parts call

  /** Say something to screen readers. */
  say(text) {
    this.spoken.textContent = text;
  }

  /** Tick exactly these runs. */
  tick(ids) {
    this.state.set({ sel: ids });
  }

  /** Tick all that the filter finds, or none of them; what it leaves out keeps its tick. */
  tickAll(on) {
    const others = [...this.ticked].filter((id) => !this.rows.places.has(id));
    this.tick(on ? [...others, ...this.rows.ids] : others);
  }

  /** Show or hide the runs of a group. */
  toggleGroup(key) {
    if (!this.open.delete(key)) this.open.add(key);
    this.#lines();
  }

  /** Draw the curves of a run, or do not. */
  toggleDrawn(ids) {
    const hide = new Set(this.hidden);
    const on = ids.some((id) => !hide.has(id));
    for (const id of ids) on ? hide.add(id) : hide.delete(id);
    this.state.set({ hide: [...hide] });
  }

  /** Show these columns, in order; the pinned ones stay what they are as long as they are shown. */
  setColumns(names) {
    const pin = names.filter((name) => this.state.get("pin").includes(name));
    this.state.set({ cols: names, pin });
  }

  openColumnMenu(name, button) {
    columnMenu(this, name, button);
  }

  /** The run of the line with the focus, or undefined. */
  get current() {
    return this.rows.get(this.grid.lines[this.active.at]?.id);
  }

  /** Put the focus on a line. */
  focusLine(place, stop = this.active.stop) {
    const { lines } = this.grid;
    if (!lines.length) return;
    const at = Math.min(lines.length - 1, Math.max(0, place));
    this.active = { at, key: keyOf(lines[at]), stop };
    this.grid.reveal(at);
    this.focusActive();
  }

  /** Give the focus back to the line that had it, or to the nearest one. */
  focusActive() {
    const line = this.grid.lines[this.active.at];
    const row = line && [...this.grid.body.children].find((one) => one.dataset.key === String(keyOf(line)));
    const stops = row ? stopsOf(row) : [];
    stops[Math.min(this.active.stop, stops.length - 1)]?.focus({ preventScroll: true });
  }

  /** Tick from the anchor to a line, or one run. */
  tickLine(place, on, range) {
    const { lines } = this.grid;
    const from = range && this.#anchor !== null ? lines.findIndex((line) => keyOf(line) === this.#anchor) : -1;
    const [low, high] = from < 0 ? [place, place] : [Math.min(from, place), Math.max(from, place)];
    const next = new Set(this.ticked);
    for (const line of lines.slice(low, high + 1)) {
      for (const id of line.ids ?? [line.id]) on ? next.add(id) : next.delete(id);
    }
    this.#anchor = keyOf(lines[place]);
    this.tick([...next]);
  }

  // changes

  #rowsChanged({ what, ids }) {
    if (this.rows.phase === "failed") return this.#say("The runs cannot be shown", "The server does not answer.", ["Try again", () => this.rows.load()]);
    if (what === "fresh") this.#fresh();
    else if (what === "rows") this.grid.refresh(ids);
    else if (what === "load") this.#arrange();
    else this.#lines();
    this.tools.refresh();
    this.bulk.refresh();
    this.#title();
    if (what !== "rows" || !this.dataset.ready) this.filter.refresh();
    if (!this.dataset.ready && this.rows.phase === "ready") afterPaint(() => (this.dataset.ready = "1"));
    return undefined;
  }

  #arrange() {
    const { state, rows } = this;
    const shown = rows.ids.map((id) => rows.get(id));
    const { columns, differ } = chosenColumns(shown, { cols: state.get("cols"), pin: state.get("pin"), diff: state.get("diff"), compare: Boolean(state.scope.runs) });
    this.columns = columns;
    this.differ = differ;
    this.grid.setColumns(columns, new Set(state.get("pin")), state.get("w"), Boolean(state.get("group")));
    this.#lines();
    this.tools.refresh();
  }

  #lines() {
    const { state, rows } = this;
    const group = state.get("group");
    this.table.setAttribute("role", group ? "treegrid" : "grid");
    const lines = linesOf(rows, group, this.open, state.get("sort"));
    if (group) this.style.setProperty("--wt-rows", Math.min(12, Math.max(1, lines.length)));
    else this.style.removeProperty("--wt-rows"); // the room of all runs, kept while a filter is typed
    const place = lines.findIndex((line) => keyOf(line) === this.active.key);
    if (place >= 0) this.active.at = place;
    else if (this.active.at >= lines.length) this.active.at = lines.length - 1;
    this.grid.setLines(lines);
    this.header.show(this.columns, this.differ ?? new Set());
    this.#heads();
    this.hands.keepStop();
    this.#emptiness();
  }

  #readMarks() {
    this.ticked = new Set(this.state.get("sel"));
    this.hidden = new Set(this.state.get("hide"));
  }

  #marks() {
    this.#readMarks();
    this.grid.refresh(this.rows.ids);
    this.#heads();
    this.bulk.refresh();
  }

  #heads() {
    const { all } = this.header;
    const shown = this.rows.ids.filter((id) => this.ticked.has(id)).length;
    all.checked = shown > 0 && shown === this.rows.ids.length;
    all.indeterminate = shown > 0 && !all.checked;
  }

  #emptiness() {
    const { rows, state } = this;
    const none = rows.phase === "ready" && rows.ids.length === 0;
    this.scroll.hidden = none;
    this.empty.hidden = !none;
    this.had ||= rows.all.size > 0 || Number(this.getAttribute("rows")) > 0;
    if (none && this.had && !rows.all.size) this.#say("No runs, but perhaps archived ones.", "", ["Show archived runs", () => state.set({ arch: true })]);
    else if (none && rows.all.size) this.#say("No run of this experiment matches.", "", ["Show all", () => state.set({ q: null })]);
    else if (none && this.none) this.empty.replaceChildren(this.none.content.cloneNode(true));
    this.filter.element.parentElement.hidden = !this.had;
  }

  /** The tab says how many run. */
  #title() {
    if (!this.hasAttribute("titled") || this.rows.phase !== "ready") return;
    let running = 0;
    for (const row of this.rows.all.values()) running += row.state === "running";
    document.title = `${running ? `● ${running} running · ` : ""}${this.getAttribute("titled")} · Danlu`;
  }

  #say(title, text, [words, action]) {
    this.empty.replaceChildren(make("p", {}, title), ...(text ? [make("p", { class: "muted" }, text)] : []), make("button", { class: "btn", type: "button", onclick: action }, words));
    this.empty.hidden = false;
  }

  /** Runs that came by the stream: shown at once where nothing moves away from under the reader, else behind a pill. */
  #fresh() {
    const count = this.rows.fresh.length;
    const quiet = this.scroll.scrollTop === 0 && !this.rows.held;
    if (count && quiet) return this.rows.reveal();
    this.pill.hidden = !count;
    this.pill.textContent = `${count} new run${count === 1 ? "" : "s"}`;
    return undefined;
  }

  #reveal() {
    this.rows.reveal();
    this.pill.hidden = true;
    this.scroll.scrollTop = 0;
    this.focusLine(0);
  }
}

customElements.define("danlu-runs", Runs);
