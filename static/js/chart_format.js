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
  if (size >= 1e6 || size < 1e-4) return value.toExponential(3).replace("e+", "e");
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
    if (most >= 1e6 || most < 1e-3) return value.toExponential(Math.max(0, digits(value, gap))).replace("e+", "e");
    return most >= 1e4 ? compact(value, gap) : value.toFixed(Math.max(0, Math.min(8, Math.ceil(-Math.log10(gap) - 1e-9))));
  });
}

function digits(value, gap) {
  return Math.min(4, Math.max(0, Math.floor(Math.log10(Math.abs(value))) - Math.floor(Math.log10(gap || 1))));
}

function compact(value, gap) {
  const places = Math.max(0, Math.min(2, Math.ceil(3 - Math.log10(gap) - 1e-9)));
  return `${(value / 1000).toFixed(places)}k`;
}

/** Labels for a logarithmic axis: powers of ten alone. */
export function logTicks(values) {
  return values.map((value) => {
    if (value === null || value === undefined) return "";
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

/** The three readings of one point's x, the axis's own first. */
export function xWords(axis, step, wall, origin) {
  const words = { step: `step ${whole.format(step)}`, relative: `+${duration(wall - origin)}`, wall: clock.format(wall * 1000) };
  return [words[axis], ...Object.keys(words).filter((key) => key !== axis).map((key) => words[key])];
}
