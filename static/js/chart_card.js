// One card: a tag's name, its value now or at the crosshair, and the plot or the table.
import { summary, table } from "./chart_export.js";
import { number } from "./chart_format.js";
import { linesOf } from "./chart_lines.js";
import { Plot } from "./chart_plot.js";
import { lastText, readings } from "./chart_tip.js";
import { icon, make, seen, write } from "./dom.js";

const SUMMARY_MS = 1200;
const DOTS = 10;

/** A chart of one tag. `board` is the island: its store, view, theme and what it does on hover and zoom. */
export class Card {
  visible = true;
  dirty = true;
  plot = null;
  lines = [];
  shown = null;

  /** @param {string} tag @param {object} board @param {{title?: string, full?: boolean}} [how] */
  constructor(tag, board, { title = tag, full = false } = {}) {
    this.tag = tag;
    this.board = board;
    this.full = full;
    this.value = make("span", { class: "curve-value" });
    this.pinned = make("button", { class: "btn ghost icon small curve-pin", type: "button", "aria-label": `Pin ${tag}`, title: "Pin to the top (p)", onclick: () => board.pin(tag) }, icon("pin"));
    this.wider = make("button", { class: "btn ghost icon small", type: "button", "aria-label": full ? `Close the full screen of ${tag}` : `Full screen of ${tag}`, title: full ? "Back (Esc)" : "Full screen (f)", onclick: () => board.full.toggle(tag) }, icon(full ? "shut" : "wide"));
    this.menu = make("button", { class: "btn ghost icon small", type: "button", "aria-label": `More about ${tag}`, "aria-haspopup": "menu", onclick: () => board.openMenu(this) }, icon("more"));
    this.area = make("div", { class: "curve-plot", role: "img", tabIndex: 0, "aria-label": `Line chart of ${tag}`, onkeydown: (event) => board.key(this, event) });
    this.note = make("p", { class: "curve-note", hidden: true });
    this.title = make("h4", { class: "curve-tag", title: tag }, make("bdi", {}, title));
    this.flags = make("span", { class: "curve-flags" });
    this.element = make("article", { class: `card curve${full ? " is-full" : ""}`, "data-tag": tag },
      make("header", { class: "curve-head" }, this.title, this.flags, this.value, make("span", { class: "curve-tools" }, this.pinned, this.wider, this.menu)),
      make("div", { class: "curve-stage" }, this.area, this.note));
  }

  /** The series of this tag as they are now. */
  get series() {
    return this.board.seriesOf(this.tag);
  }

  /** Something changed; drawn with the next frame. */
  touch(rebuild = false) {
    this.dirty = true;
    if (rebuild) this.plot?.refresh();
  }

  /** Draw if needed. */
  draw() {
    if (!this.dirty) return;
    this.dirty = false;
    const { board } = this;
    this.shown = board.view.of(this.tag);
    this.#marks();
    const list = this.series;
    this.lines = linesOf(list, this.shown, board);
    if (!this.lines.length) return this.#clear();
    this.showLast();
    this.#summarise();
    if (this.shown.table) return this.#table(list);
    if (!this.plot) this.#make();
    this.plot.set(this.lines, this.shown);
  }

  #make() {
    const { board } = this;
    this.area.classList.remove("is-table");
    this.area.setAttribute("role", "img");
    this.plot = new Plot(this.area, { look: board.look, looks: () => board.runs.version, theme: () => board.theme, grows: () => board.grows, drawn: () => this.#noted() });
    this.line = make("div", { class: "curve-cross" });
    this.chosen = make("div", { class: "curve-select", hidden: true });
    this.dots = [];
    seen(this.line, false);
    this.plot.over.append(this.chosen, this.line);
    board.pointer.listen(this, this.plot.over);
  }

  #clear() {
    this.plot?.destroy();
    this.plot = null;
  }

  #table(list) {
    this.#clear();
    this.area.classList.add("is-table");
    this.area.setAttribute("role", "region");
    this.area.setAttribute("aria-label", `Points of ${this.tag}`);
    this.area.replaceChildren(table(this.tag, list, this.board.label));
  }

  #marks() {
    const { shown, board } = this;
    const pinned = board.view.pins.includes(this.tag);
    if (this.pinned.ariaPressed !== String(pinned)) this.pinned.ariaPressed = String(pinned);
    this.element.classList.toggle("wide", shown.wide && !this.full);
    const words = [shown.alone && "own zoom", ...Object.entries({ logX: "log x", logY: "log y", zero: "from 0", outliers: "p1–p99" }).map(([name, word]) => shown[name] !== board.view.on(name) && (shown[name] ? word : `not ${word}`))].filter(Boolean);
    const print = words.join();
    if (this.flagged === print) return;
    this.flagged = print;
    this.flags.replaceChildren(...words.map((word) => make("span", { class: "tag" }, word)));
  }

  #noted() {
    const none = Boolean(this.shown.logY && this.plot?.nothing);
    if (this.note.hidden === none) this.note.hidden = !none; // an attribute that is set counts as a change
    if (none) this.note.textContent = "No value above zero in view: nothing to show on a logarithmic axis.";
    this.element.dataset.drawn ??= "1";
  }

  /** The words for those who do not see it; not at every point, they are read out. */
  #summarise() {
    if (this.shown.table) return;
    const say = () => {
      this.summarising = 0;
      if (this.plot) this.area.setAttribute("aria-label", summary(this.tag, this.board.groups ? [] : this.series, this.board.label, this.board.groups ? this.lines.length : 0));
    };
    if (!this.summarised) setTimeout(say);
    else this.summarising ||= setTimeout(say, SUMMARY_MS);
    this.summarised = true;
  }

  /** The crosshair at x. @param {number|null} x @param {object[]|null} [values] what the lines have there, if somebody knows */
  cross(x, values = null) {
    const { plot } = this;
    if (!plot?.x) return;
    const inside = x !== null && x >= plot.x.min && x <= plot.x.max;
    seen(this.line, inside);
    if (inside) this.line.style.left = `${Math.round(plot.x.pos(x) - plot.box.left)}px`;
    const found = inside ? (values ?? (this.lines.length <= DOTS ? readings(this.lines, x) : [])) : [];
    this.#dot(found.slice(0, DOTS));
    if (!inside) this.showLast();
    else if (this.lines.length === 1) this.#showAt(found[0]);
  }

  #dot(found) {
    const { plot } = this;
    while (this.dots.length < found.length) {
      const dot = make("div", { class: "curve-dot" });
      this.dots.push(dot);
      plot.over.append(dot);
    }
    this.dots.forEach((dot, i) => {
      const one = found[i];
      const value = one && (one.soft ?? one.raw);
      const there = one && typeof value === "number" && one.x >= plot.x.min && one.x <= plot.x.max && value >= plot.y.min && value <= plot.y.max;
      seen(dot, there);
      if (!there) return;
      // not by a transform: each would be a node for the compositor to sort, in every frame
      dot.style.left = `${plot.x.pos(one.x) - plot.box.left}px`;
      dot.style.top = `${plot.y.pos(value) - plot.box.top}px`;
      dot.style.background = this.board.theme.runs[this.board.look(one.key).colour];
    });
  }

  /** The range that is being dragged. */
  select(from, to) {
    this.chosen.hidden = from === to;
    this.chosen.style.left = `${Math.min(from, to)}px`;
    this.chosen.style.width = `${Math.abs(to - from)}px`;
  }

  /** The value of the last point, when there is one run only. */
  showLast() {
    this.#value(false, this.lines.length === 1 ? lastText(this.lines[0]) : "");
  }

  #value(at, text) {
    if (this.at !== at) this.value.classList.toggle("at", at);
    this.at = at;
    write(this.value, text);
  }

  #showAt(one) {
    this.#value(true, one ? (one.soft !== null ? number(one.soft) : one.text) : "");
  }

  /** The card got another size. */
  resize() {
    const size = `${this.area.clientWidth} ${this.area.clientHeight}`;
    if (this.plot?.waits || (this.plot && this.size !== undefined && this.size !== size)) this.plot.refresh();
    this.size = size;
  }

  /** Give everything back. */
  remove() {
    clearTimeout(this.summarising);
    this.#clear();
    this.element.remove();
  }
}
