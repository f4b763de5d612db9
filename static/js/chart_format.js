// Numbers, steps and times as people read them.
import { duration } from "./time.js";

const whole = new Intl.NumberFormat("en-US");
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/**
 * A value with five significant digits.
 * @param {number|null|undefined} value
 * @returns {string} "–" for none
 */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  // 1e-4 as a 32-bit float is a little less than that
  if (size >= 1e6 || size < 9.9999e-5) return Number(value.toPrecision(4)).toExponential().replace("e+", "e");
  if (Number.isInteger(value)) return whole.format(value);
  return String(Number(value.toPrecision(5)));
}

/** Labels for a numeric axis, with as many digits as its ticks need. */
export function ticks(values) {
  const sizes = values.filter((value) => value).map(Math.abs);
  const most = Math.max(...sizes, 0);
  const gap = values.length > 1 ? Math.abs(values[1] - values[0]) : most;
  return values.map((value) => {
    if (value === null || value === undefined) return "";
    if (value === 0) return "0";
    if (most >= 1e7 || most < 1e-3) return value.toExponential(digits(value, gap)).replace("e+", "e");
    if (most >= 1e6) return `${(value / 1e6).toFixed(places(gap / 1e6))}M`;
    return most >= 1e4 ? `${(value / 1000).toFixed(places(gap / 1000))}k` : value.toFixed(places(gap));
  });
}

/** Decimals that a gap between ticks needs: 0.25 needs two. */
function places(gap) {
  const [, mantissa, exponent] = /^(.*)e([+-]\d+)$/.exec(Number(gap.toPrecision(3)).toExponential());
  return Math.max(0, Math.min(8, (mantissa.split(".")[1]?.length ?? 0) - Number(exponent)));
}

function digits(value, gap) {
  return Math.min(4, places(gap / 10 ** Math.floor(Math.log10(Math.abs(value)))));
}

/** Labels for a logarithmic axis: 1, 2 and 5 of each power of ten. */
export function logTicks(values) {
  return values.map((value) => {
    if (value === null || value === undefined) return "";
    if (![1, 2, 5].includes(Number(value.toExponential(3).split("e")[0]))) return "";
    return value >= 1e-3 && value < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(0).replace("e+", "e");
  });
}

/** Labels for an axis of steps. */
export function stepTicks(values) {
  return values.map((value) => {
    if (value === null) return "";
    const size = Math.abs(value);
    if (size >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
    return size >= 1e4 ? `${Number((value / 1e3).toPrecision(4))}k` : String(value);
  });
}

/** Labels for an axis of seconds since the start. */
export function durationTicks(values) {
  return values.map((value) => (value === null ? "" : value === 0 ? "0" : value < 0 ? "" : trimmed(value)));
}

function trimmed(seconds) {
  if (seconds < 60) return `${Number(seconds.toFixed(2))} s`;
  return duration(seconds).replace(/ 0 [smh]$/, "");
}

/** Labels for an axis of wall times. */
export function clockTicks(values, gap) {
  return values.map((value) => {
    if (value === null) return "";
    return gap >= 86_400 ? day.format(value * 1000) : clock.format(value * 1000).slice(0, gap >= 60 ? 5 : 8);
  });
}

/** The readings of one point's x, the axis's own first. */
export function xWords(axis, step, wall, origin, x) {
  const words = { step: `step ${whole.format(step)}`, relative: `+${duration(wall - origin)}`, wall: clock.format(wall * 1000) };
  if (axis === "epoch") words.epoch = `epoch ${number(x)}`;
  return [words[axis], ...Object.keys(words).filter((key) => key !== axis).map((key) => words[key])];
}
