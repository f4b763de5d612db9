// The head of the run table: sorts (shift: as second key), moves and widens columns, and opens each column's menu.
import { icon, make } from "./dom.js";
import { column, numeric, sortKeys, sortText } from "./wb_columns.js";
import { nameWidth, widthOf } from "./wb_grid.js";

const MIN_WIDTH = 56;
const MAX_WIDTH = 900;
const DRAG_PX = 6;
const STEP_PX = 24;

/** `owner`: {state, columns, openColumnMenu(name, button)} */
export class Header {
  #dragged = false;

  constructor(owner, row) {
    this.owner = owner;
    this.row = row;
    row.addEventListener("click", (event) => this.#click(event));
    row.addEventListener("pointerdown", (event) => this.#down(event));
    row.addEventListener("dblclick", (event) => event.target.matches(".wt-grip") && this.#fit(event.target.parentElement.dataset.name));
    row.addEventListener("contextmenu", (event) => this.#menu(event));
    row.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Write the head for these columns. */
  show(columns, differ) {
    const keys = sortKeys(this.owner.state.get("sort"));
    const names = ["", "name", ...columns.map((one) => one.name)];
    const cells = names.map((name) => [...this.row.children].find((cell) => cell.dataset.name === name) ?? this.#cell(name));
    const held = document.activeElement?.closest?.("th")?.dataset.name;
    const part = document.activeElement?.dataset?.part;
    if (cells.some((cell, place) => this.row.children[place] !== cell) || this.row.children.length !== cells.length) this.row.replaceChildren(...cells);
    const { lefts } = this.owner.grid;
    cells.forEach((cell, place) => {
      const { name } = cell.dataset;
      const at = keys.findIndex((key) => key.name === name);
      if (at < 0) cell.removeAttribute("aria-sort");
      else cell.setAttribute("aria-sort", keys[at].down ? "descending" : "ascending");
      cell.dataset.key = keys.length > 1 && at >= 0 ? at + 1 : "";
      cell.classList.toggle("wt-differs", differ.has(name));
      cell.classList.toggle("wt-pinned", place < lefts.length);
      cell.classList.toggle("wt-edge", place === lefts.length - 1);
      cell.style.insetInlineStart = place < lefts.length ? `${lefts[place]}px` : "";
      cell.setAttribute("aria-colindex", place + 1);
    });
    if (held !== undefined && !this.row.contains(document.activeElement)) this.focus(held, part);
  }

  /** Put the focus on a column's head. */
  focus(name, part = "sort") {
    [...this.row.children].find((cell) => cell.dataset.name === name)?.querySelector(`[data-part="${part}"]`)?.focus();
  }

  #cell(name) {
    if (name === "") {
      this.all = make("input", { type: "checkbox", tabIndex: -1, "data-tick-all": "", "data-part": "sort", "aria-label": "Select all runs" });
      return make("th", { role: "columnheader", class: "wt-tick", "data-name": "" }, this.all);
    }
    const one = column(name);
    const words = one.of === "metrics" ? `${one.summary} value of ${one.key}` : one.of === "params" ? `parameter ${one.key}` : one.title;
    const sort = make("button", { class: "wt-sort", type: "button", tabIndex: -1, "data-part": "sort", title: `${words}; press to sort, with Shift as a second key` }, make("span", { class: "clip" }, one.title), make("span", { class: "wt-arrow", "aria-hidden": "true" }));
    const more = make("button", { class: "wt-more", type: "button", tabIndex: -1, "data-part": "menu", "aria-label": `More about ${one.title}`, "aria-haspopup": "menu" }, icon("more"));
    return make("th", { role: "columnheader", scope: "col", class: `${numeric(one) ? "num " : ""}${name === "name" ? "wt-name" : ""}`, "data-name": name }, sort, more, make("span", { class: "wt-grip" }));
  }

  #click(event) {
    if (this.#dragged) {
      this.#dragged = false;
      return;
    }
    const cell = event.target.closest("th");
    if (event.target.closest(".wt-more")) this.owner.openColumnMenu(cell.dataset.name, event.target.closest("button"));
    else if (event.target.closest(".wt-sort")) this.sort(cell.dataset.name, event.shiftKey);
  }

  /** Sort by a column: descending for numbers first, then the other way round, then as before. */
  sort(name, add, down = null) {
    const keys = sortKeys(this.owner.state.get("sort"));
    const present = keys.find((key) => key.name === name);
    const first = numeric(column(name)) || column(name).kind === "time";
    let next = { name, down: down ?? (present ? !present.down : first) };
    if (down === null && present && present.down !== first) next = null; // third press
    const others = add ? keys.filter((key) => key.name !== name) : [];
    const place = add && present ? keys.indexOf(present) : others.length;
    if (next) others.splice(place, 0, next);
    this.owner.state.set({ sort: others.length ? sortText(others) : null });
  }

  /** Move a column by so many places. */
  move(name, by) {
    const names = this.owner.columns.map((one) => one.name);
    const at = names.indexOf(name);
    const to = Math.min(names.length - 1, Math.max(0, at + by));
    if (at < 0 || at === to) return;
    names.splice(to, 0, ...names.splice(at, 1));
    this.owner.setColumns(names);
    this.focus(name);
  }

  /** Make a column wider by so many px. */
  widen(name, by) {
    const { state, grid } = this.owner;
    this.#width(name, (name === "name" ? nameWidth(state.get("w")) : widthOf(column(name), grid.widths, grid.grouped)) + by);
  }

  #width(name, width) {
    this.owner.state.set({ w: { ...this.owner.state.get("w"), [name]: Math.round(Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, width))) } });
  }

  /** As wide as the widest cell in sight. */
  #fit(name) {
    const place = [...this.row.children].findIndex((cell) => cell.dataset.name === name);
    const cells = [...this.owner.grid.body.children].map((row) => row.children[place]);
    const natural = cells.map((cell) => {
      const range = document.createRange();
      range.selectNodeContents(cell);
      return range.getBoundingClientRect().width;
    });
    this.#width(name, Math.max(this.row.children[place].querySelector(".wt-sort span").scrollWidth + 24, ...natural) + 26);
  }

  #menu(event) {
    const cell = event.target.closest("th");
    if (!cell?.dataset.name) return;
    event.preventDefault();
    this.owner.openColumnMenu(cell.dataset.name, cell.querySelector(".wt-more"));
  }

  #key(event) {
    const name = event.target.closest("th")?.dataset.name;
    if (!name || !event.altKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.shiftKey) this.widen(name, step * STEP_PX);
    else this.move(name, step);
  }

  // dragging

  #down(event) {
    const cell = event.target.closest("th");
    if (!cell?.dataset.name || event.button) return;
    if (event.target.matches(".wt-grip")) this.#resize(event, cell);
    else if (cell.dataset.name !== "name" && event.pointerType !== "touch") this.#drag(event, cell);
  }

  #resize(event, cell) {
    event.preventDefault();
    const [from, width] = [event.clientX, cell.offsetWidth];
    this.#follow(event, (move) => this.#width(cell.dataset.name, width + move.clientX - from));
  }

  #drag(event, cell) {
    const from = event.clientX;
    let target = null;
    this.#follow(event, (move) => {
      if (!target && Math.abs(move.clientX - from) < DRAG_PX) return;
      for (const one of this.row.children) one.classList.remove("wt-drop");
      cell.classList.add("wt-dragged");
      target = [...this.row.children].slice(2).find((one) => {
        const box = one.getBoundingClientRect();
        return move.clientX >= box.left && move.clientX < box.right;
      }) ?? target ?? cell;
      target.classList.add("wt-drop");
    }, () => {
      cell.classList.remove("wt-dragged");
      target?.classList.remove("wt-drop");
      if (!target) return;
      this.#dragged = true; // what follows is a click
      setTimeout(() => (this.#dragged = false));
      const names = this.owner.columns.map((one) => one.name);
      this.move(cell.dataset.name, names.indexOf(target.dataset.name) - names.indexOf(cell.dataset.name));
    });
  }

  #follow(event, moved, done) {
    const stop = new AbortController();
    const { signal } = stop;
    window.addEventListener("pointermove", moved, { signal });
    for (const name of ["pointerup", "pointercancel"]) {
      window.addEventListener(name, () => {
        stop.abort();
        done?.();
      }, { signal });
    }
  }
}
