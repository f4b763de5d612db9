// Charts with a zoom of their own, and what tests ask of an island.
const REST_MS = 150;
const POINTS = 1000;

/** Fetches the range of a chart that does not zoom with the others, in full resolution. */
export class Alone {
  #timers = new Map();

  constructor(board, signal) {
    this.board = board;
    this.signal = signal;
    signal.addEventListener("abort", () => this.#timers.forEach(clearTimeout));
  }

  /** Fetch what this card shows, when its zoom has come to rest. */
  want(card) {
    clearTimeout(this.#timers.get(card.tag));
    this.#timers.set(card.tag, setTimeout(() => this.#fetch(card), REST_MS));
  }

  async #fetch(card) {
    this.#timers.delete(card.tag);
    const { store, view } = this.board;
    const { zoom, axis } = view.of(card.tag);
    const key = `${axis} ${zoom}`;
    if (!zoom || card.inFull === key || !store.coarse(card.tag)) return;
    try {
      await store.focus([card.tag], { axis, from: zoom[0], to: zoom[1] }, POINTS, this.signal);
      card.inFull = key;
    } catch (error) {
      if (this.signal.aborted) return;
      console.error(error); // what is here is drawn, only coarser
    }
    card.touch();
    this.board.cards.drawSoon();
  }
}

/** What an island shows, in plain values. */
export function described(board) {
  const { view } = board;
  const { axis, smoothing, kernel, zoom, pins, filter, band } = view;
  const cards = board.cards.inSight();
  const each = (cards, value) => Object.fromEntries(cards.map((card) => [card.tag, value(card)]));
  const placed = cards.filter((card) => card.plot?.x);
  return {
    runs: board.runs.drawn,
    tags: board.store.names(),
    drawn: cards.filter((card) => card.element.dataset.drawn).map((card) => card.tag),
    counts: board.sections.counts,
    points: each(cards, (card) => card.series.map((one) => one.step.length)),
    lines: each(cards, (card) => card.lines.map(({ key, runs }) => ({ key, runs, label: board.label(key), ...board.look(key) }))),
    ranges: each(placed, ({ plot: { x, y } }) => ({ x: [x.min, x.max], y: [y.min, y.max] })),
    axis, smoothing, kernel, zoom, pins, filter, band,
    ...Object.fromEntries(["logX", "logY", "zero", "outliers"].map((name) => [name, view.on(name)])),
    groups: board.groups && board.groups.map(({ key, runs }) => ({ key, runs })),
    full: board.full.card?.tag ?? null,
    glow: board.glowing ?? null,
    hover: board.pointer.x === null ? null : { x: board.pointer.x, tag: board.pointer.card.tag, values: board.pointer.values },
  };
}
