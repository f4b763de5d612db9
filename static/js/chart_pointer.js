// Hover, zoom and pan over all charts of an island, by pointer and by keys.
import { nearest } from "./chart_data.js";
import { number } from "./chart_format.js";
import { hurry } from "./chart_frames.js";
import { extentX } from "./chart_extent.js";
import { readings } from "./chart_tip.js";

const LEAST_DRAG = 4; // pixels

/** Keeps the crosshair and the range of x in step. `board` is the island. */
export class Pointer {
  constructor(board) {
    this.board = board;
    this.x = null;
    this.card = null;
    this.values = [];
  }

  /** Follow the pointer over a chart. @param {import("./chart_card.js").Card} card @param {HTMLElement} over */
  listen(card, over) {
    over.addEventListener("pointermove", (event) => this.#moved(card, event));
    over.addEventListener("pointerleave", () => this.card === card && this.leave());
    over.addEventListener("pointerdown", (event) => this.#down(card, over, event));
    over.addEventListener("dblclick", () => this.board.view.back());
    over.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const at = card.plot.x.value(event.offsetX + card.plot.box.left);
      this.zoomBy(event.deltaY > 0 ? 1.25 : 0.8, at, card);
    }, { passive: false });
  }

  /** No crosshair. */
  leave() {
    if (!this.card) return;
    this.x = null;
    this.card = null;
    this.values = [];
    this.board.tip.hide();
    this.board.glow(null);
    for (const card of this.board.cards.inSight()) card.cross(null);
  }

  /** Browsers hand these out once a frame. */
  #moved(card, { offsetX, offsetY }) {
    const { x, box } = card.plot;
    if (x) this.#cross(card, x.value(offsetX + box.left), offsetY + box.top, offsetX + box.left);
  }

  #cross(card, x, y, left) {
    const { board } = this;
    const { plot } = card;
    this.x = x;
    this.card = card;
    this.values = readings(card.lines, x, y, plot.y);
    for (const other of board.cards.inSight()) other.cross(x, other === card ? this.values : null);
    const area = plot.host.getBoundingClientRect();
    const at = { left: area.left + left, top: area.top + Math.min(Math.max(y ?? 0, 20), 120) };
    board.tip.show(this.values, at, { axis: board.view.axis, origin: board.origin, label: board.label, look: board.look, names: card.lines.length > 1 });
    const [first] = this.values;
    board.glow(card.lines.length > 1 && first?.distance < 24 ? first.key : null, card);
  }

  #down(card, over, down) {
    if (down.button !== 0 || down.pointerType === "touch") return;
    down.preventDefault();
    card.area.focus({ preventScroll: true });
    over.setPointerCapture(down.pointerId);
    if (down.shiftKey) this.#pan(card, over, down);
    else this.#select(card, over, down);
  }

  /** A dragged range is zoomed to. */
  #select(card, over, down) {
    const stop = new AbortController();
    const from = down.offsetX;
    const most = over.clientWidth;
    let to = from;
    over.addEventListener("pointermove", (move) => {
      to = Math.min(most, Math.max(0, move.offsetX));
      card.select(from, to);
    }, { signal: stop.signal });
    const end = (event) => {
      stop.abort();
      card.select(0, 0);
      if (event.type !== "pointerup" || Math.abs(to - from) < LEAST_DRAG) return;
      const { x, box } = card.plot;
      const ends = [from, to].sort((a, b) => a - b).map((at) => x.value(at + box.left));
      hurry();
      this.board.view.zoomTo(...ends, card.tag);
    };
    for (const name of ["pointerup", "pointercancel"]) over.addEventListener(name, end, { signal: stop.signal });
  }

  #pan(card, over, down) {
    const stop = new AbortController();
    const { x, box } = card.plot;
    let last = down.clientX;
    over.addEventListener("pointermove", (move) => {
      last = move.clientX;
      hurry();
      this.board.view.panTo(...[box.left, box.right].map((at) => x.value(at + down.clientX - last)), card.tag);
    }, { signal: stop.signal });
    for (const end of ["pointerup", "pointercancel"]) over.addEventListener(end, () => stop.abort(), { signal: stop.signal });
  }

  /** The range of x that there is. */
  #extent(card) {
    let [low, high] = [Infinity, -Infinity];
    for (const one of card ? [card] : this.board.cards.inSight()) {
      const [from, to] = extentX(one.lines, one.shown?.logX);
      [low, high] = [Math.min(low, from), Math.max(high, to)];
    }
    return low < high ? [low, high] : [0, 1];
  }

  /** The range of x in view. */
  range(card) {
    return (card ? card.shown.zoom : this.board.view.zoom) ?? this.#extent(card);
  }

  /** Zoom around a place. @param {number} factor below 1: in @param {number} [at] the middle without it @param {object} [card] */
  zoomBy(factor, at, card) {
    const one = card?.shown.alone ? card : undefined;
    const [from, to] = this.range(one);
    const [low, high] = this.#extent(one);
    const { view } = this.board;
    hurry();
    const log = (card ?? this.board.cards.inSight()[0])?.shown?.logX && from > 0;
    const [f, g] = log ? [Math.log, Math.exp] : [Number, Number];
    const [a, b] = [f(from), f(to)];
    const centre = at === undefined ? (this.x === null ? (a + b) / 2 : f(this.x)) : f(at);
    const next = [g(centre - (centre - a) * factor), g(centre + (b - centre) * factor)];
    if (next[0] <= low && next[1] >= high) {
      if (one) view.panTo(low, high, one.tag);
      else view.reset();
    } else if (next[1] - next[0] > (high - low) * 1e-6) view.zoomTo(Math.max(low, next[0]), Math.min(high, next[1]), one?.tag);
  }

  /** Keys on a focused chart. */
  key(card, event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== card.area) return;
    const action = this.#keys(card)[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action(event.shiftKey);
  }

  #keys(card) {
    const { board } = this;
    const { view } = board;
    const general = { p: () => board.pin(card.tag), f: () => board.full.toggle(card.tag) };
    if (!card.plot?.x) return general;
    const pan = (by) => {
      const [from, to] = this.range(card);
      view.panTo(from + by * (to - from), to + by * (to - from), card.tag);
    };
    return {
      ...general,
      "+": () => this.zoomBy(0.5, undefined, card),
      "=": () => this.zoomBy(0.5, undefined, card),
      "-": () => this.zoomBy(2, undefined, card),
      0: () => view.reset(),
      Backspace: () => view.back(),
      ArrowLeft: (shift) => (shift ? pan(-0.2) : this.#walk(card, -1)),
      ArrowRight: (shift) => (shift ? pan(0.2) : this.#walk(card, 1)),
      Home: () => this.#walk(card, -Infinity),
      End: () => this.#walk(card, Infinity),
      ...(this.card ? { Escape: () => this.leave() } : {}),
    };
  }

  /** The crosshair to the next point of the first line. */
  #walk(card, by) {
    const [line] = card.lines;
    if (!line) return;
    const { x, y, box } = card.plot;
    const low = Math.max(0, line.xs.findIndex((one) => one >= x.min));
    const high = line.xs.findLastIndex((one) => one <= x.max);
    const now = this.x === null ? (by > 0 ? low - 1 : high + 1) : nearest(line.xs, this.x);
    const i = Math.max(low, Math.min(high, now + by));
    const value = line.ys[i];
    this.#cross(card, line.xs[i], typeof value === "number" ? y.pos(value) : box.top + 20, x.pos(line.xs[i]));
    const words = this.values.slice(0, 10).map((one) => `${card.lines.length > 1 ? `${this.board.label(one.key)} ` : ""}${one.text} at ${one.step === null ? number(one.x) : `step ${one.step}`}`);
    this.board.say(`${card.tag}: ${words.join(", ")}`);
  }
}
