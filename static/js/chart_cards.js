// The cards of an island that are on the page: made when they come near the window, drawn by the frame, taken away again.
import { Card } from "./chart_card.js";

const DRAW_MS = 6; // of a frame

/** Cards by tag. `board` is the island. */
export class Cards {
  #made = new Map();
  #request = 0;

  constructor(board) {
    this.board = board;
  }

  get(tag) {
    return this.#made.get(tag);
  }

  values() {
    return this.#made.values();
  }

  /** Those on the page, the full screen's included. */
  inSight() {
    const { full } = this.board;
    return full?.card ? [...this.#made.values(), full.card] : [...this.#made.values()];
  }

  /** The card of a tag, made when it is needed. */
  make(tag, title) {
    let card = this.#made.get(tag);
    if (!card) {
      card = new Card(tag, this.board, { title });
      this.#made.set(tag, card);
    } else if (card.title.textContent !== title) card.title.firstChild.textContent = title;
    return card;
  }

  /** Take a card off the page. */
  drop(card) {
    if (this.board.pointer.card === card) this.board.pointer.leave();
    this.#made.delete(card.tag);
    card.remove();
  }

  /** Which cards are on the page may have changed, or their size. */
  seen() {
    for (const card of this.#made.values()) {
      card.resize();
      if (!card.asked) this.need(card);
    }
    this.drawSoon();
    this.board.readyWhenLoaded();
  }

  /** This card needs its series. */
  need(card) {
    const { store, view, feed, alone } = this.board;
    card.asked = true;
    if (store.runs.length && (card.stale || !store.loaded(card.tag) || view.zoom)) feed.want(card.tag);
    if (view.of(card.tag).alone) alone.want(card);
  }

  /** Draw what is dirty with the next frames. */
  drawSoon() {
    this.#request ||= requestAnimationFrame((now) => {
      this.#request = 0;
      for (const card of this.inSight()) {
        card.draw();
        if (performance.now() - now > DRAW_MS) return this.drawSoon();
      }
    });
  }

  /** Draw all of them anew. @param {boolean} [rebuild] also what has not changed: colours or sizes are others */
  redraw(rebuild = false) {
    for (const card of this.inSight()) card.touch(rebuild);
    this.drawSoon();
  }

  /** Give everything back. */
  stop() {
    cancelAnimationFrame(this.#request);
    for (const card of this.#made.values()) card.remove();
    this.#made.clear();
  }
}
