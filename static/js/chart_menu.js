// The menu of a card: what it shows, and what can be taken away from it.
import { copyText } from "./copy.js";
import { pythonOf, saveCsv, saveJson, savePng, saveSvg } from "./chart_export.js";
import { SWITCHES } from "./chart_view.js";
import { make } from "./dom.js";
import { toast } from "./toast.js";

/** One popover for all cards of an island, which the browser closes by itself. */
export class CardMenu {
  constructor(board) {
    this.board = board;
    this.element = make("div", { class: "curve-menu", popover: "auto", role: "menu", onkeydown: (event) => this.#key(event) });
  }

  /** Open it at a card's button. */
  open(card) {
    this.card = card;
    // a dialog covers everything outside of itself
    (card.element.closest("dialog") ?? this.board.frame).append(this.element);
    this.element.replaceChildren(...this.#shows(), this.#rule(), ...this.#axes(), this.#rule(), ...this.#takes());
    this.element.showPopover();
    const at = card.menu.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = this.element;
    this.element.style.left = `${Math.max(8, Math.min(at.right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
    const below = at.bottom + 4 + offsetHeight <= innerHeight - 8;
    this.element.style.top = `${below ? at.bottom + 4 : Math.max(8, Math.min(at.top - offsetHeight - 4, innerHeight - offsetHeight - 8))}px`;
    this.element.querySelector("button").focus();
  }

  #shows() {
    const { board, card } = this;
    const { view } = board;
    const { tag } = card;
    const shown = view.of(tag);
    const items = [
      this.#item(shown.table ? "View as chart" : "View as table", () => view.turnOwn(tag, "table")),
      this.#item(card.full ? "Close full screen" : "Full screen", () => board.full.toggle(tag), "f"),
    ];
    if (!card.full) items.push(this.#item(shown.wide ? "Normal size" : "Full width", () => view.turnOwn(tag, "wide")));
    items.push(this.#item(view.pins.includes(tag) ? "Unpin" : "Pin to the top", () => board.pin(tag), "p"));
    return items;
  }

  #axes() {
    const { board: { view }, card: { tag } } = this;
    const shown = view.of(tag);
    return [
      ...Object.entries(SWITCHES).map(([name, [, text]]) => this.#check(text, shown[name], () => view.turnOwn(tag, name))),
      this.#check("Zoom with the others", !shown.alone, () => view.turnOwn(tag, "alone")),
      this.#item("Apply axes to all", () => view.applyToAll(tag), "", !shown.differs),
    ];
  }

  #takes() {
    const { board, card } = this;
    const drawn = Boolean(card.plot?.x);
    return [
      this.#item("Download PNG", () => savePng(card), "", !drawn),
      this.#item("Download SVG", () => saveSvg(card), "", !drawn),
      this.#item("Download CSV", () => this.#whole((list) => saveCsv(card.tag, list))),
      this.#item("Download JSON", () => this.#whole((list) => saveJson(card, list))),
      this.#item("Copy as Python", () => this.#copy(pythonOf(card), "The Python code is copied")),
      this.#item("Copy link", () => this.#copy(board.link(card.tag), "The link is copied")),
    ];
  }

  /** With every point, also those that the chart does not need. */
  async #whole(save) {
    const { card, board } = this;
    try {
      save(await board.whole(card.tag));
    } catch (error) {
      toast(`The points could not be fetched: ${error.message}`, "error");
    }
  }

  async #copy(text, said) {
    try {
      await copyText(text);
      toast(said);
    } catch {
      toast("The browser refused to copy", "error");
    }
  }

  #item(text, action, key = "", disabled = false) {
    return make("button", { type: "button", role: "menuitem", disabled, onclick: () => this.#close(action) }, make("span", {}, text), ...(key ? [make("kbd", { class: "kbd", "aria-hidden": "true" }, key)] : []));
  }

  #check(text, on, action) {
    return make("button", { type: "button", role: "menuitemcheckbox", "aria-checked": String(on), onclick: () => this.#close(action) }, make("span", {}, text));
  }

  #rule() {
    return make("div", { class: "curve-rule", role: "separator" });
  }

  #close(action) {
    this.element.hidePopover();
    this.card.menu.focus();
    action();
  }

  #key(event) {
    if (event.key === "Escape") this.card.menu.focus();
    const items = [...this.element.querySelectorAll("button:not(:disabled)")];
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    items.at(to % items.length).focus();
  }
}
