// Histograms of several runs over the same values: as ridges, one for each step and the newest in front, or as the bars
// of one step.
import { number, ticks } from "./chart_format.js";
import { make } from "./dom.js";
import { paints, sharpen } from "./wb_ramp.js";

const HEIGHT = 260;
const [SIDE, BOTTOM, TOP] = [12, 22, 14];
const FINE = 96; // points of a ridge
const RISE = 0.42; // of the height that the tallest ridge takes

export class HistogramView {
  constructor(board) {
    this.board = board;
    this.state = board.state;
    this.element = make("div", { class: "by-images by-hists" });
    this.modes = [["ridges", "All steps"], ["bars", "One step"]].map(([mode, text]) =>
      make("button", { type: "button", "data-mode": mode, onclick: () => this.state.set({ hist: mode }) }, text));
    this.tools = [make("div", { class: "segmented", role: "group", "aria-label": "Histograms of" }, ...this.modes)];
  }

  draw(runs) {
    this.runs = runs;
    for (const button of this.modes) button.setAttribute("aria-pressed", String(button.dataset.mode === this.state.get("hist")));
    const shape = runs.map(({ run }) => run).join();
    if (shape !== this.shape) {
      this.shape = shape;
      this.cells = runs.map((run) => this.#cell(run.run));
      this.element.replaceChildren(...this.cells.map((cell) => cell.element));
    }
    this.range = rangeOf(runs);
    runs.forEach((run, index) => this.#fill(this.cells[index], run));
  }

  resize() {
    if (this.runs) this.draw(this.runs);
  }

  #cell(id) {
    const head = make("div");
    const canvas = make("canvas", { role: "img" });
    const words = make("p", { class: "by-words muted small" });
    const cell = { head, canvas, words, element: make("figure", { class: "card by-cell", "data-run": id }, head, make("div", { class: "by-hist" }, canvas), words) };
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const y = event.clientY - box.top;
      const hit = cell.bases?.reduce((best, one) => (Math.abs(one.y - y) < Math.abs(best.y - y) ? one : best));
      if (hit) this.state.set({ step: hit.step });
    });
    return cell;
  }

  #fill(cell, run) {
    const item = this.board.nearest(run.items);
    cell.head.replaceChildren(this.board.headOf(run.run, item));
    const facts = summary(item.bins);
    cell.words.textContent = facts ? `${number(facts.count)} values from ${number(facts.low)} to ${number(facts.high)}, mean ${number(facts.mean)}` : "No values";
    cell.canvas.setAttribute("aria-label", `Histogram of ${this.board.found.tag} at step ${item.step}: ${cell.words.textContent}`);
    const width = cell.canvas.parentElement.clientWidth;
    const pen = sharpen(cell.canvas, width, HEIGHT);
    const theme = paints(cell.canvas);
    const colour = theme.runs[this.state.colour(run.run).colour];
    const x = (value) => SIDE + ((value - this.range[0]) / (this.range[1] - this.range[0])) * (width - 2 * SIDE);
    this.#axis(pen, theme, x, width);
    cell.bases = null;
    if (this.state.get("hist") === "bars") this.#bars(pen, colour, x, item);
    else cell.bases = this.#ridges(pen, theme, colour, x, run, item);
  }

  #axis(pen, theme, x, width) {
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "top";
    pen.fillStyle = theme.muted;
    pen.strokeStyle = theme.grid;
    const marks = round(this.range, Math.max(2, Math.floor(width / 70)));
    const words = ticks(marks);
    marks.forEach((value, index) => {
      line(pen, x(value), TOP, x(value), HEIGHT - BOTTOM);
      const half = pen.measureText(words[index]).width / 2;
      pen.fillText(words[index], Math.min(width - half - 1, Math.max(half + 1, x(value))), HEIGHT - BOTTOM + 6);
    });
    pen.strokeStyle = theme.cursor;
    line(pen, SIDE, HEIGHT - BOTTOM, width - SIDE, HEIGHT - BOTTOM);
  }

  #bars(pen, colour, x, item) {
    const most = Math.max(...item.bins.map(([left, right, count]) => count / Math.max(right - left, 1e-300)), 0);
    pen.fillStyle = colour;
    for (const [left, right, count] of item.bins) {
      if (!count) continue;
      const [from, to] = right > left ? [x(left), x(right)] : [x(left) - 2, x(left) + 2];
      const tall = (right > left ? count / (right - left) / most : 1) * (HEIGHT - BOTTOM - TOP);
      pen.fillRect(from + (to - from > 3 ? 0.5 : 0), HEIGHT - BOTTOM - tall, Math.max(1, to - from - (to - from > 3 ? 1 : 0)), tall);
    }
  }

  /** Draws from the back to the front; gives where each step stands. */
  #ridges(pen, theme, colour, x, run, chosen) {
    const curves = run.items.map((item) => density(item.bins, this.range));
    const most = Math.max(...curves.flat(), 1e-300);
    const room = HEIGHT - BOTTOM - TOP;
    const rise = room * RISE;
    const surface = getComputedStyle(this.element.firstChild).backgroundColor;
    const many = run.items.length;
    return run.items.map((item, index) => {
      const base = TOP + rise + ((room - rise) * (many === 1 ? 1 : index / (many - 1)));
      const here = item === chosen;
      pen.beginPath();
      pen.moveTo(x(this.range[0]), base);
      curves[index].forEach((value, place) => pen.lineTo(x(this.range[0] + ((place + 0.5) / FINE) * (this.range[1] - this.range[0])), base - (value / most) * rise));
      pen.lineTo(x(this.range[1]), base);
      pen.closePath();
      pen.globalAlpha = 0.86;
      pen.fillStyle = surface;
      pen.fill();
      pen.globalAlpha = here ? 0.75 : 0.1 + 0.25 * (index / many);
      pen.fillStyle = colour;
      pen.fill();
      pen.globalAlpha = here ? 1 : 0.75;
      pen.strokeStyle = here ? theme.ink : colour;
      pen.lineWidth = here ? 1.75 : 1;
      pen.stroke();
      pen.globalAlpha = 1;
      return { y: base, step: item.step };
    });
  }
}

/** The values that all runs together take. */
function rangeOf(runs) {
  let [low, high] = [Infinity, -Infinity];
  for (const { items } of runs) {
    for (const { bins } of items) {
      for (const [left, right, count] of bins) {
        if (count > 0) [low, high] = [Math.min(low, left), Math.max(high, right)];
      }
    }
  }
  if (!(high > low)) return Number.isFinite(low) ? [low - (Math.abs(low) || 1) / 2, low + (Math.abs(low) || 1) / 2] : [0, 1];
  return [low, high];
}

/** How many values lie in each of equally wide stretches. */
function density(bins, [low, high]) {
  const found = new Array(FINE).fill(0);
  const size = (high - low) / FINE;
  for (const [left, right, count] of bins) {
    if (!count) continue;
    const first = Math.max(0, Math.min(FINE - 1, Math.floor((left - low) / size)));
    const last = Math.max(first, Math.min(FINE - 1, Math.ceil((right - low) / size) - 1));
    for (let place = first; place <= last; place++) {
      const shared = right > left ? Math.max(0, Math.min(right, low + (place + 1) * size) - Math.max(left, low + place * size)) / (right - left) : 1 / (last - first + 1);
      found[place] += count * shared;
    }
  }
  return found;
}

function summary(bins) {
  const full = bins.filter(([, , count]) => count > 0);
  if (!full.length) return null;
  const count = full.reduce((sum, bin) => sum + bin[2], 0);
  return { count, low: full[0][0], high: full.at(-1)[1], mean: full.reduce((sum, [left, right, of]) => sum + ((left + right) / 2) * of, 0) / count };
}

function round([low, high], count) {
  const raw = (high - low) / count;
  const size = 10 ** Math.floor(Math.log10(raw));
  const gap = size * [1, 2, 5, 10].find((step) => step * size >= raw);
  const found = [];
  for (let k = Math.ceil(low / gap); k * gap <= high && found.length < 40; k++) found.push(Number((k * gap).toPrecision(12)));
  return found;
}

function line(pen, x1, y1, x2, y2) {
  pen.lineWidth = 1;
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}
