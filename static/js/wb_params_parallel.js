// Parallel coordinates: one axis for each param that differs and one for the metric, one line for each run. A range
// that is brushed on an axis filters the table. Titles are dragged to another place, or moved by their menu.
import { make } from "./dom.js";
import { axisColumns, axisOf, differing } from "./wb_axes.js";
import { column } from "./wb_columns.js";
import { own } from "./wb_configuration.js";
import { AxisMenu } from "./wb_params_menu.js";
import { axisSvg } from "./wb_params_svg.js";
import { hoverTip } from "./wb_params_tip.js";
import { paints, ramp, sharpen } from "./wb_ramp.js";

const HEIGHT = 300;
const GAP = 92; // between axes, at least
const SIDE = 46;
const [TOP, BOTTOM, NONE] = [10, 12, 26];
const MOST_AXES = 8;
const NEAR = 9;

export class ParallelCard {
  constructor(board) {
    this.board = board;
    this.state = board.state;
    this.lines = make("canvas", { class: "by-canvas", role: "img" });
    this.over = make("canvas", { class: "by-canvas", "aria-hidden": "true" });
    this.titles = make("div", { class: "by-titles", role: "group", "aria-label": "Axes" });
    this.svg = axisSvg();
    this.plot = make("div", { class: "by-plot" }, this.lines, this.over, this.svg);
    this.scroll = make("div", { class: "by-scroll", tabIndex: 0, role: "region", "aria-label": "Parallel coordinates" }, make("div", { class: "by-wide" }, this.titles, this.plot));
    this.add = make("select", { class: "auto by-small", "aria-label": "Add an axis", onchange: () => this.#add() });
    this.reset = make("button", { class: "btn small", type: "button", onclick: () => this.state.set({ pc: null }) }, "Reset axes");
    this.tip = hoverTip(this.plot, this.state);
    this.menu = new AxisMenu(this);
    this.element = make("section", { class: "card", "aria-label": "Parallel coordinates" },
      make("div", { class: "card-head" }, make("h2", {}, "Parallel coordinates"), make("div", { class: "row" }, this.reset, this.add)),
      this.scroll,
      make("p", { class: "by-hint muted small" }, make("span", { class: "by-ramp" }, "worse ", make("span", { "aria-hidden": "true" }), " better"), "Drag along an axis to brush it, click it to clear; drag a title to move its axis, or press it for exact ranges. Click a line to tick its run."),
      this.menu.element);
    this.plot.addEventListener("pointermove", (event) => !this.busy && this.#hover(event));
    this.plot.addEventListener("pointerleave", () => this.#show(null));
    this.plot.addEventListener("click", (event) => this.near && !event.target.closest("[data-axis]") && this.tick(this.near.id));
  }

  /** Names of the axes, in order. */
  get names() {
    const chosen = this.state.get("pc");
    if (chosen) return chosen;
    const metric = this.board.column;
    return [...differing(this.board.rows).slice(0, MOST_AXES), ...(metric ? [metric] : [])];
  }

  /** Put the axes into another order. */
  order(names) {
    this.state.set({ pc: names });
  }

  /** Tick a run, or untick it. */
  tick(id) {
    const ticked = this.state.get("sel");
    this.state.set({ sel: ticked.includes(id) ? ticked.filter((one) => one !== id) : [...ticked, id] });
  }

  /** The brush of an axis: from and to; undefined without one. */
  brushOf(name) {
    return own(this.state.get("br"), name);
  }

  /** Brush an axis; null takes the brush away. */
  brush(name, range) {
    const { [name]: _before, ...others } = this.state.get("br");
    this.state.set({ br: range ? { ...others, [name]: range } : others });
  }

  draw() {
    const { rows } = this.board;
    this.axes = this.names.map((name) => axisOf(name, rows, this.state.get("flip")));
    this.#menus();
    const width = Math.max(this.scroll.clientWidth, this.axes.length * GAP);
    this.width = width;
    this.plot.parentElement.style.inlineSize = `${width}px`;
    const lacking = rows.some((row) => this.axes.some((axis) => axis.at(row) === null));
    this.bottom = HEIGHT - BOTTOM - (lacking ? NONE : 0);
    this.xs = this.axes.map((_, index) => (this.axes.length === 1 ? width / 2 : SIDE + (index * (width - 2 * SIDE)) / (this.axes.length - 1)));
    this.ys = new Map(rows.map((row) => [row.id, this.axes.map((axis) => this.y(axis.at(row)))]));
    this.svg.draw(this, { height: HEIGHT, lacking });
    this.menu.refresh();
    this.#lines();
    this.#show(this.near ? rows.find((row) => row.id === this.near.id) ?? null : null);
    this.lines.setAttribute("aria-label", `${rows.length} runs over ${this.axes.map((axis) => axis.title).join(", ")}; ${this.board.ids.size} inside the brushes.`);
  }

  /** Height of a place on an axis; where there is no value, below it. */
  y(place) {
    return place === null ? HEIGHT - BOTTOM : TOP + (1 - place) * (this.bottom - TOP);
  }

  /** Place on an axis of a height. */
  placeAt(y) {
    return Math.min(1, Math.max(0, 1 - (y - TOP) / (this.bottom - TOP)));
  }

  get top() {
    return TOP;
  }

  /** What the tests look at. */
  get shown() {
    return { axes: this.axes.map(({ name, log }) => ({ name, log })), xs: this.xs, inside: [...this.board.ids.keys()], near: this.near?.id ?? null };
  }

  #lines() {
    const pen = sharpen(this.lines, this.width, HEIGHT);
    const theme = paints(this.plot);
    const { rows, ids, column: metric, goalNow } = this.board;
    const ticked = new Set(this.state.get("sel"));
    const scale = metric ? axisOf(metric, rows, this.state.get("flip")) : null;
    const good = (row) => {
      const at = scale?.at(row) ?? null;
      return at === null || !scale.numeric ? null : goalNow === "max" ? at : 1 - at;
    };
    const outside = rows.filter((row) => !ids.has(row.id));
    const inside = rows.filter((row) => ids.has(row.id) && !ticked.has(row.id)).sort((a, b) => (good(a) ?? -1) - (good(b) ?? -1));
    const chosen = rows.filter((row) => ids.has(row.id) && ticked.has(row.id));
    for (const row of outside) this.#line(pen, row, theme.grid, 1, 1);
    const faint = chosen.length ? 0.35 : Math.max(0.25, Math.min(0.9, 60 / inside.length));
    for (const row of inside) this.#line(pen, row, ramp(theme, good(row)), 1.25, faint);
    for (const row of chosen) this.#line(pen, row, theme.runs[this.state.colour(row.id).colour], 2.5, 1);
    pen.globalAlpha = 1;
  }

  #line(pen, row, colour, size, alpha) {
    const ys = this.ys.get(row.id);
    pen.globalAlpha = alpha;
    pen.strokeStyle = colour;
    pen.lineWidth = size;
    pen.beginPath();
    ys.forEach((y, index) => (index ? pen.lineTo(this.xs[index], y) : pen.moveTo(this.xs[index], y)));
    if (ys.length === 1) {
      pen.lineTo(this.xs[0] + 8, ys[0]);
      pen.moveTo(this.xs[0] - 8, ys[0]);
    }
    pen.stroke();
  }

  #hover(event) {
    const box = this.plot.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const next = this.xs.findIndex((at) => at > x);
    let best = null;
    if (next > 0) {
      const part = (x - this.xs[next - 1]) / (this.xs[next] - this.xs[next - 1]);
      let least = NEAR;
      for (const row of this.board.rows) {
        if (!this.board.ids.has(row.id)) continue;
        const ys = this.ys.get(row.id);
        const away = Math.abs(ys[next - 1] + (ys[next] - ys[next - 1]) * part - y);
        if (away < least) [least, best] = [away, row];
      }
    }
    this.#show(best, x, y);
  }

  #show(row, x, y) {
    this.near = row;
    const pen = sharpen(this.over, this.width ?? 0, HEIGHT);
    this.plot.classList.toggle("at-run", Boolean(row));
    if (row && this.ys.has(row.id)) this.#line(pen, row, paints(this.plot).runs[this.state.colour(row.id).colour], 3, 1);
    if (x !== undefined || !row) this.tip.show(row, x, y, this.axes ?? []);
  }

  #menus() {
    this.reset.hidden = this.state.get("pc") === null;
    const known = this.axes.map((axis) => axis.name).join("\n") + this.board.known;
    if (this.listed === known) return;
    this.listed = known;
    const here = new Set(this.axes.map((axis) => axis.name));
    this.add.replaceChildren(make("option", { value: "" }, "Add axis…"), ...axisColumns(this.board.rows).map(([title, names]) =>
      make("optgroup", { label: title }, ...names.filter((name) => !here.has(name)).map((name) => make("option", { value: name }, column(name).title)))));
  }

  #add() {
    if (this.add.value) this.order([...this.names, this.add.value]);
    this.add.value = "";
  }
}
