// From values to pixels: the range of an axis, its ticks, and back.
import { clockTicks, durationTicks, logTicks, stepTicks, ticks } from "./chart_format.js";

const TIME_GAPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 31_536_000];
const ROOM = 0.07; // above and below the curves
const LIVE_ROOM = 0.08; // to the right of curves that grow

/** One axis: values from `min` to `max` on pixels from `from` to `to`. */
export class Scale {
  constructor(min, max, log, from, to) {
    Object.assign(this, { min, max, log, from, to });
    const [low, high] = log ? [Math.log10(min), Math.log10(max)] : [min, max];
    const per = (to - from) / (high - low || 1);
    this.pos = log ? (value) => from + (Math.log10(value) - low) * per : (value) => from + (value - low) * per;
    this.value = log ? (pos) => 10 ** (low + (pos - from) / per) : (pos) => low + (pos - from) / per;
  }

  /** How a picture drawn on `other` has to be stretched and moved to lie right on this one; null when no stretching helps. */
  from2(other) {
    if (other.log !== this.log) return null;
    const a = this.pos(other.value(other.from));
    const b = this.pos(other.value(other.to));
    const by = (b - a) / (other.to - other.from);
    return Number.isFinite(by) && by !== 0 ? { by, move: a - other.from * by } : null;
  }
}

/** The range of a horizontal axis. `grows`: leave room, so that new points do not move the old ones. */
export function xRange({ low, high, zoom, axis, log, grows, before }) {
  if (zoom && !(log && zoom[0] <= 0)) return zoom;
  if (zoom && zoom[1] > 0) return [Math.min(low > 0 && low < Infinity ? low : zoom[1] / 1000, zoom[1] / 2), zoom[1]];
  if (!(low <= high)) return log ? [1, 10] : [0, 1];
  if (log) return low < high ? [low, high] : [low / 2, high * 2];
  if (low === high) return axis === "step" || axis === "epoch" ? [low - 1, high + 1] : [low - 0.5, high + 0.5];
  if (!grows) return [low, high];
  const roomy = before && before[0] === low && before[1] >= high && before[1] - low <= (high - low) * (1 + 2 * LIVE_ROOM);
  return roomy ? before : [low, high + (high - low) * LIVE_ROOM];
}

/** The range of a vertical axis. */
export function yRange({ low, high, log, zero, grows, before }) {
  if (!(low <= high)) return log ? [0.1, 1] : [0, 1];
  if (grows && before && before[0] <= low && before[1] >= high && fills(low, high, before, log)) return before;
  if (log) return low === high ? [low / 2, high * 2] : [low / 1.15, high * 1.15];
  if (zero) [low, high] = [Math.min(0, low), Math.max(0, high)];
  const pad = high > low ? (high - low) * ROOM : Math.abs(low) * 0.1 || 0.5;
  return zero ? [low < 0 ? low - pad : 0, high > 0 ? high + pad : 0] : [low - pad, high + pad];
}

function fills(low, high, before, log) {
  const f = log ? Math.log10 : (value) => value;
  return (f(high) - f(low)) / (f(before[1]) - f(before[0])) > 0.6;
}

/**
 * Ticks of an axis.
 * @param {Scale} scale
 * @param {"step"|"epoch"|"relative"|"wall"|"value"} kind
 * @param {number} space pixels that a label needs
 * @returns {{values: number[], labels: string[]}}
 */
export function ticksOf(scale, kind, space) {
  const most = Math.max(2, Math.floor(Math.abs(scale.to - scale.from) / space));
  if (scale.log) return logarithmic(scale, most);
  const range = scale.max - scale.min;
  let gap = nice(range / most);
  if (kind === "step") gap = Math.max(1, whole(gap));
  if (kind === "relative" || kind === "wall") gap = TIME_GAPS.find((one) => one * most >= range) ?? gap;
  const shift = kind === "wall" && gap >= 3600 ? new Date(scale.min * 1000).getTimezoneOffset() * 60 : 0;
  const values = [];
  for (let i = Math.ceil((scale.min - shift) / gap - 1e-9); i * gap + shift <= scale.max + gap * 1e-9 && values.length < 100; i++) values.push(Number((i * gap + shift).toPrecision(12)));
  const words = { step: stepTicks, epoch: ticks, relative: durationTicks, wall: (list) => clockTicks(list, gap), value: ticks };
  return { values, labels: words[kind](values) };
}

function nice(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 2.5, 5, 10].find((step) => step * power >= least * 0.999);
}

function whole(gap) {
  return Number.isInteger(gap) ? gap : nice(Math.ceil(gap));
}

function logarithmic(scale, most) {
  const [low, high] = [Math.floor(Math.log10(scale.min)), Math.ceil(Math.log10(scale.max))];
  const every = Math.max(1, Math.ceil((high - low) / most));
  const decades = Math.log10(scale.max) - Math.log10(scale.min);
  const steps = decades * 3 <= most ? [1, 2, 5] : [1];
  const values = [];
  for (let power = low; power <= high; power += every) for (const step of steps) values.push(step * 10 ** power);
  const inside = values.filter((value) => value >= scale.min * 0.9999 && value <= scale.max * 1.0001);
  if (inside.length > 1) return { values: inside, labels: logTicks(inside.map((value) => Number(value.toPrecision(3)))) };
  const ends = [scale.min, Math.sqrt(scale.min * scale.max), scale.max]; // less than a decade without a round number in it
  return { values: ends, labels: ends.map((value) => String(Number(value.toPrecision(3)))) };
}
