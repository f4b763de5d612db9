// One plot: a canvas for grid and axes, one for the lines, one on top for what follows the pointer.
import { drawFrame, drawLines, drawTails, DASHES, FONT, strokeLine, widthOf } from "./chart_draw.js";
import { hurried, refineLater, schedule, unschedule } from "./chart_frames.js";
import { extentX, extentY } from "./chart_extent.js";
import { grownFrom } from "./chart_lines.js";
import { Scale, ticksOf, xRange, yRange } from "./chart_scale.js";
import { make, seen } from "./dom.js";

const TOP = 8;
const RIGHT = 14;
const BOTTOM = 26;
const HEAVY = 20_000; // points; below, there is nothing to be quick about
const LONG = 400; // points of a line
const SMALL = 2000; // points that are drawn with their axes, in the same frame

/** Colours as the theme has them now. @param {Element} element */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  return {
    runs: Array.from({ length: 10 }, (_, i) => colour(`--run-${i}`)),
    grid: colour("--chart-grid"),
    axis: colour("--chart-axis"),
    cursor: colour("--chart-cursor"),
    surface: colour("--surface"),
    ink: colour("--ink"),
  };
}

/** A plot in `host`, whose size it has. */
export class Plot {
  job = null;
  /** It was to be drawn while it had no size. */
  waits = false;
  lines = [];
  x = null;
  y = null;
  labelLength = 5;

  #back = canvas("curve-back");
  #front = canvas("curve-lines");
  #glow = canvas("curve-glow");
  #hidden = document.createElement("canvas"); // lines are finished here, then shown all at once
  #shown = null; // how the lines that can be seen were drawn: {x, y, box, lines, counts, look}
  #look = "";
  #begun = null; // what is being drawn: {lines, counts}; points may come meanwhile
  #more = false;

  /** @param {HTMLElement} host @param {{look: Function, looks: () => number, theme: () => object, grows: () => boolean, drawn?: () => void}} context */
  constructor(host, context) {
    this.host = host;
    this.context = context;
    this.over = make("div", { class: "curve-over" });
    this.inner = make("div", { class: "curve-inner" }, this.#front, this.#glow);
    host.replaceChildren(this.#back, this.inner, this.over);
  }

  /**
   * Show these lines.
   * @param {import("./chart_lines.js").Line[]} lines
   * @param {object} shown see `View.of`
   */
  set(lines, shown) {
    const look = `${shown.logX} ${shown.logY} ${shown.axis} ${this.context.looks()}`;
    const grown = this.job && look === this.#look && shown.zoom === this.how.zoom && isGrown(this.#begun.lines, lines);
    this.lines = lines;
    this.how = shown;
    this.#look = look;
    if (grown) this.#more = true; // what is being drawn gets done first; begun anew with every point it would never be
    else schedule(this);
  }

  /** Draw everything anew: the theme or the size is another. */
  refresh() {
    this.#shown = null;
    schedule(this);
  }

  /** Are its curves getting longer? */
  get grows() {
    return this.context.grows();
  }

  /** Called when it has become quiet. */
  refine() {
    if (this.#shown) this.#shown.anew = true;
    schedule(this);
  }

  /** Called by the frames: axes at once, the lines piece by piece; null: all is done. */
  begin() {
    const { clientWidth: width, clientHeight: height } = this.host;
    this.waits = !width; // out of sight, in a pane that is not shown; the card draws it when it is seen again
    if (this.waits) return null;
    this.theme = this.context.theme();
    this.#measure(width, height);
    this.look = this.context.look;
    this.#frame();
    if (this.#append()) {
      this.context.drawn?.();
      return null;
    }
    const points = this.lines.reduce((sum, line) => sum + line.xs.length, 0);
    this.small = points <= SMALL;
    this.fast = hurried() && points > HEAVY;
    this.#begun = { lines: this.lines, counts: counts(this.lines) };
    this.#more = false;
    const pen = this.#pen(this.#hidden, this.fast ? 1 : ratio());
    return this.#draw(pen);
  }

  *#draw(pen) {
    return yield* drawLines(pen, this.#begun.lines, this, { fast: this.fast });
  }

  /** Called by the frames when all lines are drawn. */
  done() {
    const { box } = this;
    const context = this.#pen(this.#front, ratio());
    this.#unstretch();
    context.drawImage(this.#hidden, 0, 0, box.width, box.height);
    this.#shown = { x: this.x, y: this.y, box, ...this.#begun, look: this.#look };
    this.job = null;
    if (this.#more) schedule(this);
    if (this.fast) refineLater(this);
    this.glow(this.glowing ?? null);
    this.context.drawn?.();
  }

  /** Strengthen one line, or none. */
  glow(key) {
    const line = key === null ? null : this.lines.find((one) => one.key === key);
    this.glowing = line ? key : null;
    seen(this.#glow, Boolean(line));
    this.#front.classList.toggle("dim", Boolean(line));
    if (!line || !this.x) return;
    const pen = this.#pen(this.#glow, ratio());
    const { colour, dash } = this.context.look(key);
    pen.strokeStyle = pen.fillStyle = this.theme.runs[colour];
    pen.lineWidth = 1;
    if (line.xs.length > LONG) {
      // two thin lines side by side look like a strong one, at a tenth of its cost
      for (const aside of [-0.5, 0.5]) {
        pen.translate(0, aside);
        strokeLine(pen, line.xs, line.ys, this, 1);
        pen.translate(0, -aside);
      }
      return;
    }
    pen.lineWidth = widthOf(this.lines.length) + 0.75;
    pen.setLineDash(DASHES[dash]);
    strokeLine(pen, line.xs, line.ys, this, pen.lineWidth);
  }

  /** Give everything back. */
  destroy() {
    unschedule(this);
    this.host.replaceChildren();
    for (const one of [this.#back, this.#front, this.#glow, this.#hidden]) one.width = one.height = 0;
  }

  /** The same with another pen, for a picture. @param {object} pen */
  paint(pen) {
    pen.save();
    drawFrame(pen, this);
    pen.beginPath();
    pen.rect(this.box.left, this.box.top, this.box.right - this.box.left, this.box.bottom - this.box.top);
    pen.clip();
    const pieces = drawLines(pen, this.lines, this, { fast: false });
    while (!pieces.next(0).done);
    pen.restore();
  }

  // what is where

  #measure(width, height) {
    const { how, lines } = this;
    const grows = this.context.grows();
    const log = how.logX;
    const [low, high] = extentX(lines, log);
    const same = this.#shown?.look === this.#look ? this.#shown : null;
    const xs = xRange({ low, high, zoom: how.zoom, axis: how.axis, log, grows, before: same && [same.x.min, same.x.max] });
    const [least, most] = extentY(lines, xs, how);
    const unmoved = same && how.zoom === this.zoomBefore;
    const ys = yRange({ low: least, high: most, log: how.logY, zero: how.zero && !how.logY, grows: grows && unmoved, before: same && [same.y.min, same.y.max] });
    this.zoomBefore = how.zoom;
    this.nothing = !(least <= most);
    const bottom = height - BOTTOM;
    this.y = new Scale(ys[0], ys[1], how.logY, bottom, TOP);
    this.yTicks = ticksOf(this.y, "value", 34);
    // It only grows: a live curve does not move sideways when a label loses a digit.
    this.labelLength = Math.max(this.labelLength, ...this.yTicks.labels.map(({ length }) => length));
    const left = Math.ceil(this.labelLength * 6.4) + 12;
    this.box = { left, top: TOP, right: Math.max(left + 20, width - RIGHT), bottom, width, height };
    this.x = new Scale(xs[0], xs[1], log, left, this.box.right);
    this.xTicks = ticksOf(this.x, how.axis, how.axis === "step" ? 62 : 76);
  }

  #frame() {
    const { left, top, right, bottom, width, height } = this.box;
    const { x, y, how } = this;
    const print = [left, width, height, x.min, x.max, x.log, y.min, y.max, y.log, how.axis, ratio()].join();
    if (this.framed === print && this.framedIn === this.theme) return; // curves that grow: the same axes many times
    [this.framed, this.framedIn] = [print, this.theme];
    drawFrame(this.#pen(this.#back, ratio()), this);
    const place = `${left} ${top} ${right} ${bottom}`;
    if (this.place === place) return;
    this.place = place;
    for (const [key, value] of Object.entries({ left, top, width: right - left, height: bottom - top })) this.over.style[key] = `${value}px`;
    this.#clip();
  }

  /** The lines' canvases lie under a window of the plot's size. */
  #clip() {
    const { left, top, right, bottom } = this.box;
    const place = { left: left - 2, top: top - 2, width: right - left + 4, height: bottom - top + 4 };
    for (const [key, value] of Object.entries(place)) this.inner.style[key] = `${value}px`;
    for (const one of [this.#front, this.#glow]) Object.assign(one.style, { left: `${2 - left}px`, top: `${2 - top}px` });
  }

  /** Where only the ends of lines are new and the axes are the same, draw these. @returns {boolean} done */
  #append() {
    const { shown, x, y, box } = { shown: this.#shown, x: this.x, y: this.y, box: this.box };
    if (!shown || shown.anew || shown.look !== this.#look || !isGrown(shown.lines, this.lines)) return false;
    const still = ["min", "max", "from", "to"].every((key) => shown.x[key] === x[key] && shown.y[key] === y[key]);
    if (!still || shown.box.width !== box.width || shown.box.height !== box.height) return false;
    this.#unstretch(); // the axes went elsewhere and came back before the lines were drawn
    const news = this.lines.filter((line) => line.ys.length > (shown.counts.get(line.key) ?? 0));
    if (news.length) drawTails(context(this.#front), news, this, shown.counts);
    Object.assign(shown, { lines: this.lines, counts: counts(this.lines) });
    return true;
  }

  /** Until the lines are drawn for the new axes, the old picture is stretched to lie right. */
  stretch() {
    const shown = this.#shown;
    if (!shown) return;
    const across = this.x.from2(shown.x);
    const down = this.y.from2(shown.y);
    this.stretched = Boolean(across && down);
    if (this.stretched) this.#front.style.transform = `matrix(${across.by}, 0, 0, ${down.by}, ${across.move}, ${down.move})`;
  }

  #unstretch() {
    if (this.stretched) this.#front.style.transform = "";
    this.stretched = false;
  }

  #pen(target, scale) {
    const { width, height } = this.box;
    const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
    const pen = context(target);
    if (target.width !== w || target.height !== h) {
      target.width = w;
      target.height = h;
      target.style.width = `${width}px`;
      target.style.height = `${height}px`;
    } else {
      pen.setTransform(1, 0, 0, 1, 0, 0);
      pen.clearRect(0, 0, w, h);
    }
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.globalAlpha = 1;
    pen.font = FONT;
    return pen;
  }
}

function canvas(name) {
  return make("canvas", { class: name, width: 0, height: 0 });
}

function context(target) {
  return target.getContext("2d");
}

function ratio() {
  return Math.min(2, devicePixelRatio || 1);
}

/** The same lines, with nothing changed but points at their ends? */
function isGrown(before, now) {
  return before.length === now.length && now.every((line, i) => grownFrom(before[i], line));
}

function counts(lines) {
  return new Map(lines.map((line) => [line.key, line.ys.length]));
}
