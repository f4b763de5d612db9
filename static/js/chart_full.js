// One chart over the whole window, in a dialog of its own.
import { Card } from "./chart_card.js";
import { make } from "./dom.js";

/** The full screen of one island; which tag is in the state, so a link opens it. */
export class Full {
  card = null;

  constructor(board, signal) {
    this.board = board;
    this.stage = make("div", { class: "curve-full-stage" });
    this.legendPlace = make("div", { class: "curve-full-legend" });
    this.dialog = make("dialog", { class: "curve-full", "aria-label": "Chart", onclose: () => this.#closed() }, this.stage, this.legendPlace);
    this.sizes = new ResizeObserver(() => this.card?.resize());
    this.sizes.observe(this.stage);
    signal.addEventListener("abort", () => {
      this.sizes.disconnect();
      this.#drop();
    });
  }

  /** Open a tag's chart, or close it. */
  toggle(tag) {
    const { state } = this.board.view;
    state.set({ full: state.get("full") === tag ? "" : tag });
  }

  /** Show what the state says. */
  follow() {
    const tag = this.board.view.state.get("full");
    if (tag === (this.card?.tag ?? "")) return;
    this.board.pointer.leave();
    this.#drop();
    if (!tag || !this.board.store.tags.has(tag)) {
      if (this.dialog.open) this.dialog.close();
      return;
    }
    this.card = new Card(tag, this.board, { full: true });
    this.dialog.setAttribute("aria-label", `Chart of ${tag}`);
    this.stage.replaceChildren(this.card.element);
    if (!this.dialog.open) this.dialog.showModal();
    this.legendPlace.append(this.board.legendElement); // the page's own comes along
    this.dialog.append(this.board.tip.element);
    this.card.area.focus();
    this.board.cards.need(this.card);
    this.board.cards.drawSoon();
  }

  #closed() {
    const { tag } = this.card ?? {};
    this.#drop();
    this.board.pointer.leave();
    this.board.settleIn();
    this.board.view.state.set({ full: "" });
    this.board.cards.get(tag)?.area.focus({ preventScroll: true });
  }

  #drop() {
    this.card?.remove();
    this.card = null;
  }
}
