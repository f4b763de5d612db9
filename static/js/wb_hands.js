// Pointer and keys in the run table: what is pressed in a line, and which one of its controls Tab comes to.
import { ROW, keyOf } from "./wb_grid.js";

/** Listens for one table. */
export class Hands {
  #stop = null;

  /** @param {object} table the <danlu-runs> */
  constructor(table) {
    this.owner = table;
    const { table: grid, grid: { body } } = table;
    grid.addEventListener("click", (event) => this.#click(event));
    grid.addEventListener("focusin", (event) => this.#focused(event));
    grid.addEventListener("keydown", (event) => this.#key(event));
    // while somebody points at a line or is in it with the keyboard, none moves
    for (const name of ["pointerenter", "pointerleave"]) body.addEventListener(name, () => table.rows.hold(name === "pointerenter"));
    grid.addEventListener("focusout", (event) => grid.contains(event.relatedTarget) || table.rows.hold(body.matches(":hover")));
  }

  #click({ target, shiftKey }) {
    const { owner } = this;
    if (target.matches("[data-tick-all]")) return owner.tickAll(target.checked);
    const found = owner.grid.lineOf(target);
    if (!found) return undefined;
    const { line, place } = found;
    if (target.matches("input[type=checkbox]")) return owner.tickLine(place, target.checked, shiftKey);
    const act = target.closest("[data-act]")?.dataset.act;
    if (act === "open") return owner.toggleGroup(line.group);
    if (act === "eye") return owner.toggleDrawn([line.id]);
    if (act === "colour") return owner.bulk.pickColour(line.id, target.closest("button"));
    if (act === "cancel") return owner.bulk.cancelOne(line.id);
    return undefined;
  }

  #focused({ target }) {
    const found = this.owner.grid.lineOf(target);
    if (found) {
      const stop = stopsOf(target.closest("tr")).indexOf(target);
      this.owner.active = { at: found.place, key: keyOf(found.line), stop: Math.max(0, stop) };
      this.owner.rows.hold(true);
    }
    this.keepStop(target);
  }

  /** One stop of the whole grid is in the tab order: where the focus is, or was. */
  keepStop(now) {
    const { table } = this.owner;
    const before = this.#stop;
    const fallback = table.querySelector("[data-tick-all]");
    this.#stop = now && table.contains(now) ? now : table.contains(before) ? before : fallback;
    if (before && before !== this.#stop) before.tabIndex = -1;
    if (this.#stop) this.#stop.tabIndex = 0;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { owner } = this;
    const row = event.target.closest("tr");
    const stops = stopsOf(row);
    const at = stops.indexOf(event.target);
    const inBody = owner.grid.body.contains(row);
    const page = Math.max(1, Math.floor(owner.scroll.clientHeight / ROW) - 2);
    const lines = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page }[event.key];
    if (lines !== undefined) {
      if (!inBody && lines > 0) owner.focusLine(0, Math.max(0, at));
      else if (inBody && owner.active.at === 0 && event.key === "ArrowUp") owner.header.all.focus();
      else if (inBody) owner.focusLine(owner.active.at + lines);
    } else if (event.key === "ArrowRight") stops[at + 1]?.focus();
    else if (event.key === "ArrowLeft") stops[at - 1]?.focus();
    else if (event.key === "Home" && inBody) owner.focusLine(0);
    else if (event.key === "End" && inBody) owner.focusLine(owner.grid.lines.length - 1);
    else return;
    event.preventDefault();
  }
}

/** What in a line can have the focus, from left to right. */
export function stopsOf(row) {
  return [...row.querySelectorAll("input, button, a, td.wt-cell")].filter((one) => !(one.matches("td") && one.querySelector("button, a, input")) && one.offsetParent !== null);
}
