// Drawing a chart with a pen: a canvas' 2D context, or chart_svg.js. Lines come in pieces (generators), so that a frame can
// stop in between: a hundred curves of a thousand points need more than one frame without a graphics card.
import { lowerBound } from "./chart_math.js";

export const DASHES = [[], [6, 4], [2, 3]];
export const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const GHOST = 0.25;
const BAND = 0.16;
const MARK = 4;
const DOT = 0.75; // what the radius of a point that stands alone is more than a line's width
const MANY = 12; // more lines than these are thin
const PIECE = 4; // lines of one kind between two looks at the clock

/**
 * Grid, axes and labels.
 * @param {CanvasRenderingContext2D} pen
 * @param {object} plot x and y (scales), box, ticks, theme
 */
export function drawFrame(pen, { x, y, box, xTicks, yTicks, theme }) {
  pen.font = FONT;
  pen.lineWidth = 1;
  pen.strokeStyle = theme.grid;
  pen.fillStyle = theme.axis;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  pen.beginPath();
  yTicks.values.forEach((value, i) => {
    if (!yTicks.labels[i]) return;
    const at = Math.round(y.pos(value)) + 0.5;
    if (at < box.top - 1 || at > box.bottom + 1) return;
    pen.moveTo(box.left, at);
    pen.lineTo(box.right, at);
    pen.fillText(yTicks.labels[i], box.left - 6, at);
  });
  pen.stroke();
  pen.textBaseline = "top";
  pen.textAlign = "center";
  let taken = -Infinity;
  xTicks.values.forEach((value, i) => {
    const half = xTicks.labels[i].length * 3.2;
    const at = Math.min(Math.max(x.pos(value), half), box.width - half - 1);
    if (!xTicks.labels[i] || at - half < taken + 6) return;
    pen.fillText(xTicks.labels[i], at, box.bottom + 7);
    taken = at + half;
  });
}

/** How wide lines are: the more there are, the thinner. */
export function widthOf(count) {
  return count > MANY ? 1 : 1.75;
}

/**
 * The lines, in pieces: bands, raw lines as ghosts, then the lines themselves and what is not finite.
 * @param {CanvasRenderingContext2D} pen
 * @param {import("./chart_lines.js").Line[]} lines
 * @param {object} plot x, y, box, theme, look(key) → {colour, dash}
 * @param {{fast: boolean}} how fast: thin and without dashes, while somebody pulls at the chart
 * @yields {number} what the piece cost, in thin line segments
 */
export function* drawLines(pen, lines, plot, { fast }) {
  const colour = (line) => plot.theme.runs[plot.look(line.key).colour];
  const width = fast ? 1 : widthOf(lines.length);
  let cost = 0;
  const spent = (segments, times) => (cost += segments * times);
  pen.lineJoin = "bevel"; // round joins cost as much as the lines
  for (const line of lines) {
    if (!line.band) continue;
    pen.fillStyle = colour(line);
    pen.globalAlpha = BAND;
    spent(fillBand(pen, line, plot), 4);
  }
  pen.lineWidth = 1;
  pen.globalAlpha = GHOST;
  let done = 0;
  for (const line of lines) {
    if (!line.raw) continue;
    pen.strokeStyle = pen.fillStyle = colour(line);
    spent(strokeLine(pen, line.xs, line.raw, plot, 1), 1);
    if (++done % PIECE === 0) cost = yield cost;
  }
  for (const line of lines) {
    const { dash } = plot.look(line.key);
    pen.globalAlpha = 1;
    pen.lineWidth = width;
    pen.strokeStyle = pen.fillStyle = colour(line);
    pen.setLineDash(fast ? [] : DASHES[dash]);
    spent(strokeLine(pen, line.xs, line.ys, plot, width), (width > 1 ? 12 : 1) * (dash && !fast ? 3 : 1));
    pen.setLineDash([]);
    markBad(pen, line, plot);
    if (++done % PIECE === 0) cost = yield cost;
  }
  return cost;
}

/** Only what came behind index `from` of each line, onto what is there. @param {Map<any, number>} counts points drawn, by key */
export function drawTails(pen, lines, plot, counts) {
  const width = widthOf(lines.length);
  pen.lineJoin = "bevel";
  for (const line of lines) {
    const from = Math.max(0, (counts.get(line.key) ?? 0) - 1);
    pen.strokeStyle = pen.fillStyle = plot.theme.runs[plot.look(line.key).colour];
    if (line.raw) {
      pen.globalAlpha = GHOST;
      pen.lineWidth = 1;
      strokeLine(pen, line.xs, line.raw, plot, 1, from);
      pen.globalAlpha = 1;
    }
    pen.lineWidth = width;
    pen.setLineDash(DASHES[plot.look(line.key).dash]);
    strokeLine(pen, line.xs, line.ys, plot, width, from);
    pen.setLineDash([]);
    markBad(pen, line, plot, from + 1);
  }
}

/**
 * One polyline within the range in view, thinned to what the pixels can show: of each column the first, least, greatest and
 * last. Points between two gaps are dots.
 * @returns {number} segments
 */
export function strokeLine(pen, xs, ys, { x, y, box }, width, start = 0) {
  const from = Math.max(start, lowerBound(xs, x.min) - 1);
  const to = Math.min(ys.length, lowerBound(xs, x.max) + 2);
  const dense = to - from > 3 * (box.right - box.left);
  const dots = [];
  const trace = dense ? columns(pen, x, y) : straight(pen, x, y);
  let [piece, segments, lastX, lastY] = [0, 0, 0, 0];
  pen.beginPath();
  for (let i = from; i < to; i++) {
    const value = ys[i];
    if (typeof value !== "number" || (y.log && value <= 0) || (x.log && xs[i] <= 0)) {
      if (piece === 1) dots.push([lastX, lastY]);
      trace.end();
      piece = 0;
      continue;
    }
    [lastX, lastY] = trace.point(xs[i], value, piece === 0);
    piece += 1;
    segments += 1;
  }
  trace.end();
  pen.stroke();
  if (piece === 1 && start === 0) dots.push([lastX, lastY]);
  if (dots.length) drawDots(pen, dots, width + DOT);
  return segments;
}

function straight(pen, x, y) {
  return {
    point(value, height, first) {
      const at = [x.pos(value), y.pos(height)];
      if (first) pen.moveTo(at[0], at[1]);
      else pen.lineTo(at[0], at[1]);
      return at;
    },
    end() {},
  };
}

function columns(pen, x, y) {
  let [column, low, high, last, lowFirst, open] = [0, 0, 0, 0, true, false];
  const flush = () => {
    if (!open || low === high) return;
    pen.lineTo(column, lowFirst ? low : high);
    pen.lineTo(column, lowFirst ? high : low);
    if (last !== (lowFirst ? high : low)) pen.lineTo(column, last);
  };
  return {
    point(value, height, first) {
      const px = Math.round(x.pos(value));
      const py = y.pos(height);
      if (first || px !== column || !open) {
        flush();
        if (first) pen.moveTo(px, py);
        else pen.lineTo(px, py);
        [column, low, high, last, open] = [px, py, py, py, true];
      } else {
        if (py < low) [low, lowFirst] = [py, false];
        if (py > high) [high, lowFirst] = [py, true];
        last = py;
      }
      return [px, py];
    },
    end() {
      flush();
      open = false;
    },
  };
}

function drawDots(pen, dots, radius) {
  pen.beginPath();
  for (const [x, y] of dots) {
    pen.moveTo(x + radius, y);
    pen.arc(x, y, radius, 0, 2 * Math.PI);
  }
  pen.fill();
}

/** The area between two lines; each stretch without a gap is one. */
function fillBand(pen, { xs, band }, { x, y }) {
  const from = Math.max(0, lowerBound(xs, x.min) - 1);
  const to = Math.min(xs.length, lowerBound(xs, x.max) + 2);
  const floor = y.log ? y.min : -Infinity;
  const there = (i) => band.low[i] !== null && (!x.log || xs[i] > 0) && band.high[i] > floor;
  pen.beginPath();
  for (let i = from; i < to; i++) {
    if (!there(i)) continue;
    const first = i;
    pen.moveTo(x.pos(xs[i]), y.pos(band.high[i]));
    while (i + 1 < to && there(i + 1)) pen.lineTo(x.pos(xs[++i]), y.pos(band.high[i]));
    for (let k = i; k >= first; k--) pen.lineTo(x.pos(xs[k]), y.pos(Math.max(floor, band.low[k])));
    pen.closePath();
  }
  pen.fill();
  pen.globalAlpha = 1;
  return 2 * Math.max(0, to - from);
}

/** NaN and inf have no place on the axis: a cross at the bottom, a triangle at the edge they left by. */
function markBad(pen, { xs, bad }, { x, box }, from = 0) {
  if (!bad.size) return;
  pen.lineWidth = 1.5;
  for (const [index, name] of bad) {
    const at = x.pos(xs[index]);
    if (index < from || !(at >= box.left && at <= box.right)) continue;
    const y = name === "inf" ? box.top + MARK + 1 : box.bottom - MARK - 1;
    pen.beginPath();
    if (name === "nan") {
      pen.moveTo(at - MARK, y - MARK);
      pen.lineTo(at + MARK, y + MARK);
      pen.moveTo(at + MARK, y - MARK);
      pen.lineTo(at - MARK, y + MARK);
      pen.stroke();
      continue;
    }
    const tip = name === "inf" ? -MARK : MARK;
    pen.moveTo(at, y + tip);
    pen.lineTo(at - MARK, y - tip);
    pen.lineTo(at + MARK, y - tip);
    pen.closePath();
    pen.fill();
  }
}
