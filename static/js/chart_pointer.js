// Hover, zoom and pan over all charts of an island, by pointer and by keys.
import { nearest, xValues } from "./chart_data.js";
import { readings } from "./chart_tip.js";

/** Keeps the crosshair and the range of x in step. `board` is the island. */
export class Pointer {
  constructor(board) {
    this.board = board;
    this.x = null;
    this.card = null;
  }

  /** uPlot says that its cursor moved. */
  hovered(card, u) {
    const { left, top } = u.cursor;
    if (left === undefined || left < 0) {
      if (this.card === card) this.leave();
      return;
    }
    this.card = card;
    this.#cross(u.posToVal(left, "x"), u.posToVal(Math.max(0, top), "y"), left, top);
  }

  /** No crosshair. */
  leave() {
    this.x = null;
    this.card = null;
    this.values = [];
    this.board.tip.hide();
    for (const card of this.board.inSight()) card.cross(null);
  }

  #cross(x, y, left, top) {
    const { board, card } = this;
    this.x = x;
    for (const other of board.inSight()) {
      if (other === card) other.showAt(x);
      else other.cross(x);
    }
    const { plot } = card;
    this.values = readings(card.series, board.view, board.origin, x, y);
    const over = plot.over.getBoundingClientRect();
    const frame = board.frame.getBoundingClientRect();
    const width = plot.over.clientWidth;
    const place = { left: over.left - frame.left + left, top: over.top - frame.top + Math.min(Math.max(top, 0), 120), flip: left > width / 2 };
    board.tip.show(this.values, place, { view: board.view, origin: board.origin, label: board.label, look: board.look, names: board.store.runs.length > 1 });
  }

  /** A range was dragged. */
  selected(u) {
    const { left, width } = u.select;
    if (width > 3) this.board.view.zoomTo(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  /** What uPlot does not do itself: back by double click, pan by shift-drag, zoom by ctrl-wheel. */
  listen(card, over) {
    const { view } = this.board;
    over.addEventListener("dblclick", () => view.back());
    over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const at = card.plot.posToVal(event.offsetX, "x");
      this.zoomBy(event.deltaY > 0 ? 1.25 : 0.8, at);
    }, { passive: false });
    over.addEventListener("pointerdown", (event) => event.shiftKey && this.#pan(card, over, event));
  }

  #pan(card, over, down) {
    down.preventDefault();
    over.setPointerCapture(down.pointerId);
    const [from, to] = this.range();
    const perPixel = (to - from) / over.clientWidth;
    const stop = new AbortController();
    over.addEventListener("pointermove", (move) => {
      const by = (down.clientX - move.clientX) * perPixel;
      this.board.view.panTo(from + by, to + by);
    }, { signal: stop.signal });
    for (const end of ["pointerup", "pointercancel"]) over.addEventListener(end, () => stop.abort(), { signal: stop.signal });
  }

  /** The range of x in view. */
  range() {
    if (this.board.view.zoom) return this.board.view.zoom;
    return this.extent();
  }

  /** The range of x that there is. */
  extent() {
    let [low, high] = [Infinity, -Infinity];
    for (const card of this.board.cards.values()) {
      for (const series of card.series) {
        const xs = xValues(series, this.board.view.axis, this.board.origin(series.run));
        if (xs.length) [low, high] = [Math.min(low, xs[0]), Math.max(high, xs[xs.length - 1])];
      }
    }
    return low < high ? [low, high] : [0, 1];
  }

  /** Zoom around a place. @param {number} factor below 1: in @param {number} [at] the middle without it */
  zoomBy(factor, at) {
    const [from, to] = this.range();
    const [low, high] = this.extent();
    const centre = at ?? this.x ?? (from + to) / 2;
    const next = [centre - (centre - from) * factor, centre + (to - centre) * factor];
    if (next[0] <= low && next[1] >= high) this.board.view.reset();
    else if (next[1] - next[0] > (high - low) * 1e-6) this.board.view.zoomTo(Math.max(low, next[0]), Math.min(high, next[1]));
  }

  /** Keys on a focused chart. */
  key(card, event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !card.plot) return;
    const { view } = this.board;
    const [from, to] = this.range();
    const pan = (by) => view.panTo(from + by * (to - from), to + by * (to - from));
    const keys = {
      "+": () => this.zoomBy(0.5),
      "=": () => this.zoomBy(0.5),
      "-": () => this.zoomBy(2),
      0: () => view.reset(),
      ArrowLeft: () => (event.shiftKey ? pan(-0.2) : this.#walk(card, -1)),
      ArrowRight: () => (event.shiftKey ? pan(0.2) : this.#walk(card, 1)),
      Home: () => this.#walk(card, -Infinity),
      End: () => this.#walk(card, Infinity),
      Escape: () => this.leave(),
    };
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  /** The crosshair to the next point of the first run. */
  #walk(card, by) {
    const [series] = card.series;
    const xs = xValues(series, this.board.view.axis, this.board.origin(series.run));
    const [from, to] = this.range();
    const low = Math.max(0, xs.findIndex((x) => x >= from));
    const high = xs.findLastIndex((x) => x <= to);
    const now = this.x === null ? (by > 0 ? low - 1 : high + 1) : nearest(xs, this.x);
    const i = Math.max(low, Math.min(high, now + by));
    const { plot } = card;
    const left = plot.valToPos(xs[i], "x");
    plot.setCursor({ left, top: 20 }, false);
    this.card = card;
    this.#cross(xs[i], null, left, 20);
    this.board.say(`${card.tag}: ${this.values.map((one) => `${card.series.length > 1 ? `${this.board.label(one.run)} ` : ""}${one.text} at step ${one.step}`).join(", ")}`);
  }
}
