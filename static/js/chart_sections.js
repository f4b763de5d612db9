// Where cards stand: sections by the tag's prefix; tags that are alone with theirs share the first one.
import { splitTag } from "./chart_data.js";
import { make } from "./dom.js";

const FLAT = 8; // so few cards need no sections at all

/** The sections of one island, in order. */
export class Sections {
  constructor() {
    this.element = make("div", { class: "curve-sections" });
    this.known = new Map();
    this.byPrefix = new Map();
    this.count = 0;
  }

  /** Put a new card in its place. @param {import("./chart_card.js").Card} card */
  place(card) {
    const [prefix] = splitTag(card.tag);
    const family = this.byPrefix.get(prefix) ?? [];
    family.push(card);
    this.byPrefix.set(prefix, family);
    this.count += 1;
    if (this.count === FLAT + 1) for (const [name, cards] of this.byPrefix) this.#group(name, cards);
    else if (this.count <= FLAT || prefix === "" || family.length === 1) this.#insert(card, "");
    else this.#group(prefix, family.length === 2 ? family : [card]); // the second of a kind makes a section
    this.hideEmpty();
  }

  /** Take a card out. */
  take(card) {
    const [prefix] = splitTag(card.tag);
    this.byPrefix.set(prefix, this.byPrefix.get(prefix).filter((one) => one !== card));
    this.count -= 1;
    card.remove();
    this.hideEmpty();
  }

  #group(prefix, cards) {
    const section = (this.byPrefix.get(prefix)?.length ?? 0) > 1 ? prefix : "";
    for (const card of cards) this.#insert(card, section);
  }

  #insert(card, prefix) {
    const { grid } = this.#section(prefix);
    card.title.textContent = prefix ? splitTag(card.tag)[1] : card.tag;
    const after = [...grid.children].find((one) => one.dataset.tag.localeCompare(card.tag, "en", { numeric: true }) > 0);
    grid.insertBefore(card.element, after ?? null);
  }

  #section(prefix) {
    const known = this.known.get(prefix);
    if (known) return known;
    const grid = make("div", { class: "curve-grid" });
    const count = make("span", { class: "curve-count" });
    const heading = make("summary", {}, make("h3", {}, prefix || "General"), count);
    const element = make("details", { class: "curve-section fold", open: true, "data-prefix": prefix }, heading, grid);
    const section = { element, grid, count, heading };
    this.known.set(prefix, section);
    const after = [...this.element.children].find((one) => one.dataset.prefix.localeCompare(prefix, "en") > 0);
    this.element.insertBefore(element, after ?? null);
    return section;
  }

  /** Sections without a card to show are not shown; one alone needs no heading. */
  hideEmpty() {
    for (const section of this.known.values()) {
      const cards = [...section.grid.children];
      section.element.hidden = cards.every((one) => one.hidden);
      section.count.textContent = cards.length;
    }
    const shown = [...this.known.values()].filter((section) => section.grid.children.length);
    for (const section of shown) section.heading.hidden = shown.length === 1;
  }
}
