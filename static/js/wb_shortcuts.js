// The keys of a workbench. Single letters can be turned off, for those whose software types them by itself.
import { make, recall, remember } from "./dom.js";

const STORED = "danlu-single-keys";
const WORDS = [
  ["j / k", "next, previous run"],
  ["x", "select; with Shift: from the last one to here"],
  ["Ctrl+A", "select all that the filter finds (in the table)"],
  ["o / Enter", "open the run"],
  ["c", "compare the selected runs"],
  ["h", "draw the run's curves, or not"],
  ["b", "make it the baseline"],
  ["e", "tag"],
  [".", "stop the run, or the selected ones"],
  ["r", "clone and edit the run"],
  ["n", "new run"],
  ["/", "filter"],
  ["1 … 6", "the panes"],
  ["Alt+← / →", "in a column's head: move it; with Shift: its width"],
  ["Ctrl+K", "all commands"],
  ["?", "this list"],
];

/** Is somebody writing, or in a dialog? */
function busy(event) {
  const { target } = event;
  if (document.querySelector("dialog[open], [popover]:popover-open")) return true;
  return target.isContentEditable || target.matches?.("textarea, select, input:not([type=checkbox], [type=radio], [type=range], [type=button])");
}

export class Shortcuts {
  constructor(table) {
    this.table = table;
    this.single = recall(STORED) !== "off";
    this.abort = new AbortController();
    document.addEventListener("keydown", (event) => this.#key(event), { signal: this.abort.signal });
  }

  stop() {
    this.abort.abort();
  }

  /** The list of keys, with the switch that turns single letters off. */
  help() {
    const box = make("input", { type: "checkbox", checked: this.single, onchange: () => {
      this.single = box.checked;
      remember(STORED, box.checked ? "on" : "off");
    } });
    const dialog = make("dialog", { class: "wt-help", "aria-labelledby": "wt-help-title", onclose: () => dialog.remove(), onclick: (event) => event.target === dialog && dialog.close() },
      make("div", { class: "dialog-body" }, make("h2", { id: "wt-help-title" }, "Keyboard shortcuts"),
        make("dl", { class: "wt-keys" }, ...WORDS.flatMap(([key, words]) => [make("dt", {}, make("kbd", { class: "kbd" }, key)), make("dd", {}, words)])),
        make("label", { class: "inline-check" }, box, "Shortcuts of a single key")),
      make("div", { class: "dialog-foot" }, make("button", { class: "btn", type: "button", onclick: () => dialog.close() }, "Close")));
    document.body.append(dialog);
    dialog.showModal();
  }

  async palette() {
    const { openPalette } = await import("./wb_palette.js");
    openPalette(this.table);
  }

  #key(event) {
    if (event.defaultPrevented || event.isComposing) return;
    const mod = event.ctrlKey || event.metaKey;
    if (mod && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (!document.querySelector("dialog[open]")) this.palette();
      return;
    }
    if (busy(event)) return;
    const { table } = this;
    if (mod && event.key.toLowerCase() === "a" && table.table.contains(event.target)) {
      event.preventDefault();
      table.tickAll(true);
      return;
    }
    if (mod || event.altKey) return;
    if (!this.single) return;
    const action = this.#actions()[event.key] ?? this.#actions()[event.key.toLowerCase()];
    if (action && action(event) !== false) event.preventDefault();
  }

  #actions() {
    const { table } = this;
    const { state, grid, active, bulk } = table;
    const go = (href) => location.assign(href);
    const line = grid.lines[active.at];
    const { current } = table;
    const at = grid.body.contains(document.activeElement) ? active.at : -1;
    return {
      j: () => table.focusLine(at < 0 ? Math.max(0, active.at) : at + 1),
      k: () => table.focusLine(at < 0 ? Math.max(0, active.at) : at - 1),
      x: (event) => (line ? table.tickLine(active.at, event.shiftKey || !(line.ids ?? [line.id]).every((id) => table.ticked.has(id)), event.shiftKey) : false),
      o: () => (current ? go(`/runs/${current.id}`) : false),
      c: () => (bulk.runs.length ? go(bulk.compareUrl()) : false),
      h: () => (line ? table.toggleDrawn(line.ids ?? [line.id]) : false),
      b: () => (current ? state.set({ base: state.get("base") === current.id ? null : current.id }) : false),
      e: () => (table.may && (current || bulk.runs.length) ? bulk.askTag(document.activeElement, bulk.runs.length ? bulk.runs : [current]) : false),
      ".": () => (table.may && (bulk.runs.length || current) ? bulk.cancelRuns(bulk.runs.length ? bulk.runs : [current]) : false),
      r: () => (current ? go(`/runs/new${current.recipe ? "" : "/script"}?from=${current.id}`) : false),
      n: () => go(table.getAttribute("new")),
      "/": () => table.filter.input.focus(),
      "?": () => this.help(),
      ...Object.fromEntries([...table.closest("danlu-workbench").querySelectorAll(".wb-panes > [role=tablist] > [role=tab]")].map((tab, place) => [String(place + 1), () => tab.click()])),
    };
  }
}
