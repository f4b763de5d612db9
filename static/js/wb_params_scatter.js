// A scatter of any two columns, coloured by the runs or by a third one. A click ticks a run, Enter or a second click on
// its name opens it; the arrows go through the points from left to right.
import { make } from "./dom.js";
import { axisColumns, axisOf, differing } from "./wb_axes.js";
import { column } from "./wb_columns.js";
import { flip } from "./wb_params_menu.js";
import { hoverTip } from "./wb_params_tip.js";
import { paints, ramp, sharpen } from "./wb_ramp.js";

const HEIGHT = 300;
const [LEFT, RIGHT, TOP, BOTTOM] = [58, 14, 12, 40];
const NEAR = 14;
const SIZE = 4;
const FONT = "11px system-ui, sans-serif";

export class ScatterCard {
  constructor(board) {
    this.board = board;
    this.state = board.state;
    this.canvas = make("canvas", { class: "by-canvas", "aria-hidden": "true" });
    this.plot = make("div", { class: "by-plot by-scatter", tabIndex: 0, role: "application", "aria-label": "Scatter" }, this.canvas);
    this.words = make("p", { class: "visually-hidden", role: "status" });
    this.tip = hoverTip(this.plot, this.state);
    this.pick = Object.fromEntries([["sx", "Across"], ["sy", "Up"], ["sc", "Colour"]].map(([key, label]) =>
      [key, make("select", { class: "auto by-small", "aria-label": label, onchange: () => this.state.set({ [key]: this.pick[key].value }) })]));
    this.logs = Object.fromEntries(["sx", "sy"].map((key) => [key, make("button", { class: "btn small", type: "button", onclick: () => flip(this.state, this.axes[key].name) }, "Log")]));
    const labelled = (text, ...items) => make("span", { class: "by-pick" }, make("span", { class: "muted small", "aria-hidden": "true" }, text), ...items);
    this.element = make("section", { class: "card", "aria-label": "Scatter" },
      make("div", { class: "card-head" }, make("h2", {}, "Scatter")),
      make("div", { class: "by-picks" }, labelled("x", this.pick.sx, this.logs.sx), labelled("y", this.pick.sy, this.logs.sy), labelled("colour", this.pick.sc)),
      this.plot, this.words);
    this.plot.addEventListener("pointermove", (event) => this.#at(this.#nearest(event)));
    this.plot.addEventListener("pointerleave", () => this.#at(null));
    this.plot.addEventListener("click", (event) => this.#click(event));
    this.plot.addEventListener("keydown", (event) => this.#key(event));
    this.plot.addEventListener("blur", () => this.#at(null));
  }

  draw() {
    const { rows } = this.board;
    this.#menus();
    const flipped = this.state.get("flip");
    const [x, y, colour] = [this.pick.sx.value, this.pick.sy.value, this.pick.sc.value];
    this.axes = { sx: axisOf(x, rows, flipped), sy: axisOf(y, rows, flipped), sc: colour ? axisOf(colour, rows, flipped) : null };
    for (const key of ["sx", "sy"]) {
      this.logs[key].hidden = !this.axes[key].canLog;
      this.logs[key].setAttribute("aria-pressed", String(this.axes[key].log));
      this.logs[key].setAttribute("aria-label", `Log ${key === "sx" ? "x" : "y"} axis`);
    }
    this.width = this.plot.clientWidth;
    const spot = (axis, row) => {
      const at = axis.at(row);
      return at === null || axis.words === undefined ? at : 0.04 + at * 0.92;
    };
    this.points = rows.filter((row) => this.board.ids.has(row.id)).map((row) => ({ row, x: spot(this.axes.sx, row), y: spot(this.axes.sy, row) })).filter((point) => point.x !== null && point.y !== null);
    for (const point of this.points) {
      point.x = LEFT + SIZE + point.x * (this.width - LEFT - RIGHT - 2 * SIZE);
      point.y = HEIGHT - BOTTOM - SIZE - point.y * (HEIGHT - TOP - BOTTOM - 2 * SIZE);
    }
    this.points.sort((a, b) => a.x - b.x || b.y - a.y);
    this.plot.setAttribute("aria-label", `Scatter of ${this.axes.sy.title} over ${this.axes.sx.title}, ${this.points.length} runs. Arrow keys go through them, Space ticks one, Enter opens it.`);
    this.near = this.near && this.points.find((point) => point.row.id === this.near.row.id);
    this.#paint();
  }

  /** What the tests look at. */
  get shown() {
    return { points: this.points.map(({ row, x, y }) => ({ id: row.id, x, y })), near: this.near?.row.id ?? null, x: this.axes.sx.name, y: this.axes.sy.name, log: [this.axes.sx.log, this.axes.sy.log] };
  }

  #paint() {
    const pen = sharpen(this.canvas, this.width, HEIGHT);
    const theme = paints(this.plot);
    this.#frame(pen, theme);
    const ticked = new Set(this.state.get("sel"));
    const plain = this.points.filter(({ row }) => !ticked.has(row.id));
    const chosen = this.points.filter(({ row }) => ticked.has(row.id));
    for (const { row, x, y } of [...plain, ...chosen]) {
      const on = ticked.has(row.id);
      pen.globalAlpha = on || !chosen.length ? 0.9 : 0.55;
      pen.fillStyle = this.#colour(theme, row);
      dot(pen, x, y, on ? SIZE + 1.5 : SIZE);
      pen.fill();
      if (!on) continue;
      pen.globalAlpha = 1;
      pen.lineWidth = 2;
      pen.strokeStyle = theme.ink;
      pen.stroke();
    }
    pen.globalAlpha = 1;
    if (this.near) {
      pen.lineWidth = 2;
      pen.strokeStyle = theme.ink;
      dot(pen, this.near.x, this.near.y, SIZE + 4);
      pen.stroke();
    }
    if (!this.points.length) {
      pen.fillStyle = theme.muted;
      pen.textAlign = "center";
      pen.fillText("No run has both of these.", (LEFT + this.width) / 2, HEIGHT / 2);
    }
  }

  #colour(theme, row) {
    const { sc } = this.axes;
    if (!sc) return theme.runs[this.state.colour(row.id).colour];
    const at = sc.at(row);
    if (sc.words) return at === null ? theme.muted : theme.runs[sc.words.indexOf(sc.text(sc.value(row))) % 10];
    if (at === null) return theme.muted;
    return ramp(theme, sc.name === this.board.column && this.board.goalNow === "min" ? 1 - at : at);
  }

  #frame(pen, theme) {
    pen.font = FONT;
    pen.lineWidth = 1;
    const [right, bottom] = [this.width - RIGHT, HEIGHT - BOTTOM];
    const { sx, sy } = this.axes;
    const shift = (axis, at) => (axis.words ? 0.04 + at * 0.92 : at);
    pen.strokeStyle = theme.grid;
    pen.fillStyle = theme.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const { at, text } of sy.ticks(5)) {
      const y = bottom - SIZE - shift(sy, at) * (bottom - TOP - 2 * SIZE);
      line(pen, LEFT, y, right, y);
      pen.fillText(fitted(pen, text, LEFT - 12), LEFT - 6, y);
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    const count = Math.max(2, Math.floor((right - LEFT) / 80));
    let end = -Infinity;
    for (const { at, text } of sx.ticks(count)) {
      const x = LEFT + SIZE + shift(sx, at) * (right - LEFT - 2 * SIZE);
      line(pen, x, TOP, x, bottom);
      const words = fitted(pen, text, 90);
      const half = pen.measureText(words).width / 2;
      if (x - half < end + 6) continue;
      const shown = Math.min(x, this.width - half - 2);
      pen.fillText(words, shown, bottom + 6);
      end = shown + half;
    }
    pen.strokeStyle = theme.cursor;
    line(pen, LEFT, bottom, right, bottom);
    line(pen, LEFT, TOP, LEFT, bottom);
    pen.fillStyle = theme.ink;
    pen.textBaseline = "bottom";
    pen.fillText(fitted(pen, sx.title + (sx.log ? " (log)" : ""), right - LEFT), (LEFT + right) / 2, HEIGHT - 3);
  }

  #nearest(event) {
    const box = this.plot.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [null, NEAR];
    for (const point of this.points ?? []) {
      const away = Math.hypot(point.x - x, point.y - y);
      if (away < least) [best, least] = [point, away];
    }
    return best;
  }

  #at(point, say = false) {
    if (point === this.near) return;
    this.near = point;
    this.plot.classList.toggle("at-run", Boolean(point));
    const axes = [this.axes.sx, this.axes.sy, ...(this.axes.sc ? [this.axes.sc] : [])];
    this.tip.show(point?.row ?? null, point?.x, point?.y, axes);
    if (say && point) this.words.textContent = `${point.row.name} #${point.row.id}: ${axes.map((axis) => `${axis.title} ${axis.text(axis.value(point.row))}`).join(", ")}${this.state.get("sel").includes(point.row.id) ? ", ticked" : ""}`;
    this.#paint();
  }

  #click(event) {
    const point = this.#nearest(event);
    if (!point) return;
    if (event.ctrlKey || event.metaKey) window.open(`/runs/${point.row.id}`, "_blank", "noopener");
    else this.#tick(point.row.id);
  }

  #tick(id) {
    this.board.cards[0].tick(id);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    const now = this.near ? this.points.indexOf(this.near) : -1;
    if (step && this.points.length) this.#at(this.points[now < 0 ? (step > 0 ? 0 : this.points.length - 1) : Math.min(this.points.length - 1, Math.max(0, now + step))], true);
    else if (event.key === " " && this.near) this.#tick(this.near.row.id);
    else if (event.key === "Enter" && this.near) location.assign(`/runs/${this.near.row.id}`);
    else if (event.key === "Escape") this.#at(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #menus() {
    const { rows, column: metric } = this.board;
    const params = differing(rows);
    const wanted = { sx: this.state.get("sx") || likely(params, rows), sy: this.state.get("sy") || metric || "duration", sc: this.state.get("sc") };
    const groups = axisColumns(rows);
    const known = groups.map(([, names]) => names.join("\n")).join("\n");
    for (const [key, select] of Object.entries(this.pick)) {
      if (this.listed !== known || !select.options.length) {
        select.replaceChildren(...(key === "sc" ? [make("option", { value: "" }, "the run")] : []), ...groups.map(([title, names]) =>
          make("optgroup", { label: title }, ...names.map((name) => make("option", { value: name }, column(name).title)))));
      }
      const there = [...select.options].some((option) => option.value === wanted[key]);
      if (!there) select.append(make("option", { value: wanted[key] }, column(wanted[key]).title));
      select.value = wanted[key];
    }
    this.listed = known;
  }
}

/** The param with the most numbers, or else the first one. */
function likely(params, rows) {
  const numbers = params.filter((name) => axisOf(name, rows, []).numeric);
  const count = (name) => new Set(rows.map(column(name).value)).size;
  return numbers.sort((a, b) => count(b) - count(a))[0] ?? params[0] ?? "created";
}

function dot(pen, x, y, size) {
  pen.beginPath();
  pen.arc(x, y, size, 0, 2 * Math.PI);
}

function line(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let cut = text;
  while (cut.length > 1 && pen.measureText(`${cut}…`).width > room) cut = cut.slice(0, -1);
  return `${cut}…`;
}
