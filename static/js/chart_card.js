// One card: a tag's name, its value now or at the crosshair, and the plot or the table.
import { summary, table } from "./chart_export.js";
import { number } from "./chart_format.js";
import { alignedData, makePlot } from "./chart_plot.js";
import { readings } from "./chart_tip.js";
import { icon, make } from "./dom.js";

const HEIGHT = 190;
const WIDE_HEIGHT = 360;

/** A chart of one tag. `board` is the island: its store, view, theme and what it does on hover and zoom. */
export class Card {
  constructor(tag, board) {
    this.tag = tag;
    this.board = board;
    this.visible = false;
    this.dirty = true;
    this.plot = null;
    this.value = make("span", { class: "curve-value" });
    this.menu = make("button", { class: "btn ghost icon small", type: "button", "aria-label": `More about ${tag}`, "aria-haspopup": "menu", onclick: () => board.openMenu(this) }, icon("more"));
    this.area = make("div", { class: "curve-plot", role: "img", tabIndex: 0, "aria-label": `Line chart of ${tag}`, onkeydown: (event) => board.key(this, event) });
    this.note = make("p", { class: "curve-note", hidden: true });
    this.element = make("article", { class: "card curve", "data-tag": tag },
      make("header", { class: "curve-head" }, (this.title = make("h4", { class: "curve-tag", title: tag }, tag)), this.value, this.menu),
      this.area, this.note);
  }

  /** The series of this tag as they are now. */
  get series() {
    return this.board.store.series(this.tag).filter((one) => !this.board.hiddenRuns.has(one.run));
  }

  /** Show or forget: a card out of sight has no canvas. */
  setVisible(visible) {
    if (visible === this.visible) return;
    this.visible = visible;
    if (visible) this.dirty = true;
    else this.#destroy();
  }

  /** Something changed; drawn with the next frame, if it is in sight. */
  touch(rebuild = false) {
    this.dirty = true;
    if (rebuild) this.#destroy();
  }

  /** Draw if needed. */
  draw() {
    if (!this.visible || !this.dirty) return;
    const { view, store } = this.board;
    const list = this.series;
    if (!list.some((one) => one.step.length)) return this.#destroy();
    this.dirty = false;
    this.showLast();
    if (this.asTable) {
      this.area.replaceChildren(table(this.tag, list, this.board.label));
      return;
    }
    this.area.setAttribute("aria-label", summary(this.tag, list, this.board.label));
    const data = alignedData(list, view, (run) => store.origin(run));
    const shape = JSON.stringify([view.axis, view.smoothing > 0, view.logY, list.map((one) => one.run)]);
    if (this.plot && shape === this.shape) {
      this.list.splice(0, this.list.length, ...list);
      this.plot.setData(data);
    } else {
      this.#destroy();
      this.shape = shape;
      this.list = [...list];
      this.#make(data);
    }
    this.note.hidden = !(view.logY && list.every((one) => one.y.every((value) => !(value > 0))));
    if (!this.note.hidden) this.note.textContent = "No value above zero: nothing to show on a logarithmic axis.";
  }

  #make(data) {
    const { board } = this;
    this.area.replaceChildren();
    this.plot = makePlot(this.area, this.list, data, board.view, {
      ...this.size(),
      theme: board.theme,
      look: board.look,
      origin: (run) => board.store.origin(run),
      onHover: (u) => this.plot === u && board.hovered(this, u),
      onSelect: (u) => board.selected(u),
    });
    board.listen(this, this.plot.over);
  }

  #destroy() {
    this.plot?.destroy();
    this.plot = null;
    this.shape = null;
  }

  /** Room for the plot. */
  size() {
    return { width: Math.max(120, this.area.clientWidth), height: this.wide ? WIDE_HEIGHT : HEIGHT };
  }

  /** The card got wider or narrower. */
  resize() {
    if (this.plot && this.plot.width !== this.size().width) this.plot.setSize(this.size());
  }

  /** Scales anew, for a zoom. */
  rescale() {
    if (!this.plot) return;
    this.plot.setData(this.plot.data);
  }

  /** The crosshair at x, without telling anybody. */
  cross(x) {
    if (!this.plot) return;
    const left = x === null ? -10 : this.plot.valToPos(x, "x");
    const inside = left >= 0 && left <= this.plot.over.clientWidth;
    this.plot.setCursor({ left: inside ? left : -10, top: inside ? 10 : -10 }, false);
    if (x === null) this.showLast();
    else this.showAt(x);
  }

  /** The value of the last point, when there is one run only. */
  showLast() {
    const list = this.series;
    const last = list.length === 1 ? list[0].y.length - 1 : -1;
    this.value.classList.remove("at");
    if (last < 0) this.value.textContent = "";
    else this.value.textContent = list[0].y[last] === null ? ({ nan: "NaN", inf: "+∞", "-inf": "−∞" }[list[0].bad.get(last)] ?? "–") : number(list[0].y[last]);
  }

  /** The value at x, when there is one run only. */
  showAt(x) {
    const list = this.series;
    if (list.length !== 1) return;
    const { view, store } = this.board;
    const [one] = readings(list, view, (run) => store.origin(run), x);
    this.value.classList.add("at");
    this.value.textContent = one ? (one.soft !== null && view.smoothing ? number(one.soft) : one.text) : "";
  }

  /** Table or chart. */
  setTable(on) {
    this.asTable = on;
    this.#destroy();
    this.area.classList.toggle("is-table", on);
    this.area.setAttribute("role", on ? "region" : "img");
    this.area.setAttribute("aria-label", on ? `Points of ${this.tag}` : `Line chart of ${this.tag}`);
    this.area.replaceChildren();
    this.dirty = true;
    this.draw();
  }

  /** As wide as the page, or one of several. */
  setWide(on) {
    this.wide = on;
    this.element.classList.toggle("wide", on);
    this.touch(true);
  }

  /** Give everything back. */
  remove() {
    this.#destroy();
    this.element.remove();
  }
}
