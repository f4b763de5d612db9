// When to fetch what: the tags with the first series, then the series of the cards in sight, all in one request; what came
// since when points came; and the zoomed range in full when the zoom rests.
import { POINTS } from "./chart_ask.js";

const GATHER_MS = 20; // cards that come into sight together are fetched together
const QUIET_MS = 1500; // after the last live point …
const MOST_MS = 5000; // … but at least this often while they come
const UNSETTLED_MS = 2500; // while the server itself still reads
const ZOOM_MS = 150;
const MOST_HEARD = 50; // the stream tells the points of so many runs; of more, that something happened
const RETRIES = 40;

/** Fetches for one island. `board` has store, view, cards and the callbacks `arrived`, `waiting` and `broken`. */
export class Feed {
  constructor(board, signal) {
    this.board = board;
    this.signal = signal;
    this.wanted = new Set();
    this.tries = 0;
    signal.addEventListener("abort", () => {
      [this.timer, this.again, this.zooming].forEach(clearTimeout);
      this.focusing?.abort();
    });
    if (board.store.runs.length > MOST_HEARD) document.body.addEventListener("danlu:experiment", () => this.stir(), { signal });
  }

  /** Find out which tags there are; then the cards in sight ask for theirs. */
  async list() {
    await this.#guard(async () => {
      const { store, view } = this.board;
      store.setAxis(view.axis);
      await store.list(this.signal);
      this.board.arrived(store.names().filter((tag) => store.loaded(tag)));
      this.#settle();
      this.#focusSoon();
    }, () => this.list());
  }

  /** A card needs its series, or, when the charts are zoomed, the range in full. */
  want(tag) {
    const { store, view } = this.board;
    store.setAxis(view.axis);
    if (!store.loaded(tag) || this.board.cards.get(tag)?.stale) {
      this.wanted.add(tag);
      this.timer ||= setTimeout(() => this.#fetch(), GATHER_MS);
    }
    if (view.zoom) this.#focusSoon();
  }

  /** Live points came: fetch what is in sight anew when it has become quiet. */
  stir() {
    const now = performance.now();
    this.since ??= now;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.refresh(), Math.max(0, Math.min(QUIET_MS, this.since + MOST_MS - now)));
  }

  /** Fetch what the cards in sight got since. */
  refresh() {
    this.since = null;
    clearTimeout(this.again);
    this.missed = Boolean(this.board.resting);
    if (this.missed) return;
    for (const card of this.board.cards.values()) {
      card.stale = true;
      if (card.visible) this.want(card.tag);
    }
  }

  /** Somebody looks again. */
  resume() {
    if (this.missed) this.refresh();
  }

  async #fetch() {
    this.timer = 0;
    if (this.busy || !this.wanted.size) return; // goes on when the running one is back
    const tags = [...this.wanted];
    this.wanted.clear();
    this.busy = true;
    await this.#guard(async () => {
      const { store, cards } = this.board;
      await store.follow(tags, POINTS, this.signal);
      for (const tag of tags) {
        const card = cards.get(tag);
        if (card) card.stale = false;
      }
      store.trim(new Set([...cards.values()].filter((card) => card.visible).map((card) => card.tag)));
      this.board.arrived(tags);
      this.#settle();
    }, () => tags.forEach((tag) => this.want(tag)));
    this.busy = false;
    if (this.wanted.size) this.timer ||= setTimeout(() => this.#fetch(), GATHER_MS);
  }

  /** The server may have read a part only, or the runs still write. */
  #settle() {
    if (this.board.store.settled || this.since) return;
    clearTimeout(this.again);
    this.again = setTimeout(() => (document.hidden ? this.#settle() : this.refresh()), UNSETTLED_MS);
  }

  #focusSoon() {
    clearTimeout(this.zooming);
    this.focusing?.abort(); // another zoom: what is on its way is of no use
    this.zooming = setTimeout(() => this.#focus(), ZOOM_MS);
  }

  /** The zoomed range of the cards in sight, where the server has more than is here. */
  async #focus() {
    const { store, view, cards } = this.board;
    if (!view.zoom) return;
    const key = `${view.axis} ${view.zoom}`;
    if (this.focused !== key) {
      store.unfocus();
      this.focused = key;
      for (const card of cards.values()) card.focused = false;
    }
    const seen = [...cards.values()].filter((card) => card.visible && !card.focused && store.loaded(card.tag) && store.coarse(card.tag));
    if (!seen.length) return;
    this.focusing = new AbortController();
    const { signal } = this.focusing;
    await this.#guard(async () => {
      const [from, to] = view.zoom;
      const tags = seen.map((card) => card.tag);
      await store.focus(tags, { axis: view.axis, from, to }, POINTS, signal);
      if (this.signal.aborted) return;
      for (const card of seen) card.focused = true;
      this.board.arrived(tags);
    }, () => this.#focusSoon(), signal);
  }

  async #guard(work, retry, signal = this.signal) {
    try {
      await work();
      this.tries = 0;
      this.board.waiting(null);
    } catch (error) {
      if (signal.aborted || this.signal.aborted) return;
      // The reader of event files starts on demand: not yet is no failure.
      const soon = error.status === undefined || error.status >= 502;
      if (soon && this.tries++ < RETRIES) {
        if (this.tries > 1) this.board.waiting("Waiting for the curves…");
        setTimeout(() => this.signal.aborted || retry(), Math.max(1, error.retryAfter ?? 1) * 1000);
      } else this.board.broken(error.message, () => {
        this.tries = 0;
        retry();
      });
    }
  }
}
