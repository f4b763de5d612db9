// The legend: one entry for each line. Hover strengthens its line in all charts, a click hides it or brings it back.
import { make } from "./dom.js";

const ROWS = 40; // entries before the rest is behind a button

/** The legend of one island. `board` has legend() → [{key, label, title, shown}], look, glow and toggle. */
export class Legend {
  #print = "";
  #all = false;

  constructor(board) {
    this.board = board;
    this.element = make("div", { class: "curve-legend", role: "group", "aria-label": "Runs", hidden: true });
    const entry = (event) => event.target.closest("[data-key]");
    this.element.addEventListener("pointerover", (event) => board.glow(this.#key(entry(event))));
    this.element.addEventListener("pointerleave", () => board.glow(null));
    this.element.addEventListener("focusin", (event) => board.glow(this.#key(entry(event))));
    this.element.addEventListener("focusout", () => board.glow(null));
    this.element.addEventListener("click", (event) => {
      const found = entry(event);
      if (found) board.toggle(this.#key(found));
    });
  }

  /** Show what there is now. */
  refresh() {
    const all = this.board.legend();
    this.element.hidden = all.length < 2 && all.every((one) => one.shown);
    const print = JSON.stringify([this.#all, all.map((one) => [one, this.board.look(one.key)])]);
    if (print === this.#print) return;
    this.#print = print;
    const focused = document.activeElement?.dataset.key;
    const shown = this.#all ? all : all.slice(0, ROWS);
    this.element.replaceChildren(...shown.map((one) => this.#entry(one)), ...(all.length > ROWS ? [this.#more(all.length)] : []));
    if (focused !== undefined) this.element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  /** Mark the entry whose line is strengthened. */
  mark(key) {
    for (const one of this.element.children) one.classList.toggle("glows", key !== null && one.dataset.key === String(key));
  }

  #entry({ key, label, title, shown }) {
    const { colour, dash } = this.board.look(key);
    return make("button", { type: "button", "data-key": String(key), "data-number": typeof key === "number" ? "1" : undefined, title, "aria-pressed": String(shown) },
      make("span", { class: "swatch", "data-colour": colour, "data-dash": dash }), make("span", {}, ...label));
  }

  #more(count) {
    return make("button", { type: "button", class: "curve-more", onclick: () => {
      this.#all = !this.#all;
      this.refresh();
    } }, this.#all ? "Fewer" : `${count - ROWS} more`);
  }

  #key(entry) {
    if (!entry) return null;
    return entry.dataset.number ? Number(entry.dataset.key) : entry.dataset.key;
  }
}
