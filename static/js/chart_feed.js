// When to fetch what: the tags once, the series of cards in sight, and again after live points came.
const POINTS = 1000;
const QUIET_MS = 1500; // after the last live point …
const MOST_MS = 5000; // … but at least this often while they come
const RETRIES = 40;

/** Fetches for one island. `board` has store, view, cards and the callbacks `arrived`, `waiting` and `broken`. */
export class Feed {
  constructor(board, signal) {
    this.board = board;
    this.signal = signal;
    this.wanted = new Set();
    this.tries = 0;
    signal.addEventListener("abort", () => [this.timer, this.again].forEach(clearTimeout));
  }

  /** Find out which tags there are; then the cards in sight ask for theirs. */
  async list() {
    await this.#guard(async () => {
      await this.board.store.list(this.signal);
      this.board.arrived([]);
    }, () => this.list());
  }

  /** Fetch a tag with the next request. */
  want(tag) {
    this.wanted.add(tag);
    this.timer ||= setTimeout(() => this.#fetch(), 20);
  }

  /** Live points came: fetch what is in sight anew when it has become quiet. */
  stir() {
    const now = performance.now();
    this.since ??= now;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.refresh(), Math.max(0, Math.min(QUIET_MS, this.since + MOST_MS - now)));
  }

  /** Fetch what is in sight anew. */
  refresh() {
    this.since = null;
    for (const card of this.board.cards.values()) {
      card.stale = true;
      if (card.visible) this.want(card.tag);
    }
  }

  async #fetch() {
    this.timer = 0;
    if (this.busy || !this.wanted.size) return; // goes on when the running one is back
    const tags = [...this.wanted];
    this.wanted.clear();
    this.busy = true;
    await this.#guard(async () => {
      // All points for a zoom: what was thinned away shows there.
      await this.board.store.load(tags, this.board.view.zoom ? 0 : POINTS, this.signal);
      for (const tag of tags) {
        const card = this.board.cards.get(tag);
        if (card) card.stale = false;
      }
      this.board.arrived(tags);
    }, () => tags.forEach((tag) => this.want(tag)));
    this.busy = false;
    if (this.wanted.size) this.timer ||= setTimeout(() => this.#fetch(), 20);
  }

  async #guard(work, retry) {
    try {
      await work();
      this.tries = 0;
      this.board.waiting(null);
    } catch (error) {
      if (this.signal.aborted) return;
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
