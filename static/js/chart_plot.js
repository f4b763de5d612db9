// One uPlot for one tag. Its own legend is off: it costs three times the hover.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { smooth, spacing, xValues } from "./chart_data.js";
import { clockTicks, durationTicks, logTicks, stepTicks, ticks } from "./chart_format.js";

const DASHES = [[], [6, 4], [2, 3]];
const STEP_GAPS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].flatMap((n) => (n ? [1, 2, 2.5, 5] : [1, 2, 5]).map((k) => k * 10 ** n)).filter(Number.isInteger);
const TIME_GAPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000, 31_536_000];
const AXIS_FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
const MARK = 4;

/** Colours as the theme has them now. @param {Element} element */
export function readTheme(element) {
  const style = getComputedStyle(element);
  const colour = (name) => style.getPropertyValue(name).trim();
  return {
    runs: Array.from({ length: 10 }, (_, i) => colour(`--run-${i}`)),
    grid: colour("--chart-grid"),
    axis: colour("--chart-axis"),
    cursor: colour("--chart-cursor"),
  };
}

/**
 * Align the series of one tag on one x axis, raw and smoothed.
 * @param {import("./chart_data.js").Series[]} list
 * @param {{axis: string, smoothing: number, logY: boolean}} view
 * @param {(run: number) => number} origin
 * @returns {(number|null|undefined)[][]} x, then raw and smoothed of each run
 */
export function alignedData(list, view, origin) {
  const tables = list.map((series) => {
    let { y } = series;
    let soft = smooth(y, series.step, view.smoothing, spacing(series));
    if (view.logY) [y, soft] = [y, soft].map((values) => values.map((value) => (value > 0 ? value : null)));
    return [xValues(series, view.axis, origin(series.run)), y, soft];
  });
  if (!tables.length) return [[]];
  // Points that a run does not have come out as undefined (drawn through), its own gaps stay null (not drawn).
  return tables.length === 1 ? tables[0] : uPlot.join(tables);
}

/**
 * Make the plot.
 * @param {HTMLElement} host
 * @param {import("./chart_data.js").Series[]} list
 * @param {(number|null|undefined)[][]} data see `alignedData`
 * @param {object} view the settings and the zoom of all charts
 * @param {{width: number, height: number, theme: object, look: (run: number) => {colour: number, dash: number}, onHover: Function, onSelect: Function}} options
 */
export function makePlot(host, list, data, view, options) {
  const { theme } = options;
  const series = [{}];
  for (const one of list) {
    const look = options.look(one.run);
    const stroke = theme.runs[look.colour];
    const dash = DASHES[look.dash];
    const lone = { show: (u, i) => sparse(u, i), size: 5 };
    series.push({ stroke: view.smoothing ? withAlpha(stroke, 0.28) : stroke, width: view.smoothing ? 1 : 1.5, dash: view.smoothing ? [] : dash, points: { ...lone, fill: stroke } });
    series.push({ stroke, width: 1.75, dash, show: view.smoothing > 0, points: lone });
  }
  const opts = {
    width: options.width,
    height: options.height,
    padding: [8, 16, 0, 0],
    legend: { show: false },
    series,
    scales: {
      x: { time: false, range: (_u, min, max) => xRange(view, min, max) },
      y: { distr: view.logY ? 3 : 1, range: (u, min, max) => yRange(u, min, max, view) },
    },
    axes: axes(view, theme),
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 4 },
      points: { size: 7, width: 1.5, stroke: (u, i) => (view.smoothing && i % 2 ? "transparent" : strong(u, i)), fill: (u, i) => (view.smoothing && i % 2 ? "transparent" : strong(u, i)) },
      bind: { dblclick: () => null, mousedown: (u, _target, handler) => (event) => !event.shiftKey && handler(event) },
      hover: { skip: [undefined, null] },
    },
    hooks: {
      setCursor: [(u) => options.onHover(u)],
      setSelect: [(u) => options.onSelect(u)],
      draw: [(u) => drawNonFinite(u, list, view, options)],
    },
  };
  return new uPlot(opts, data, host);

  function strong(u, i) {
    return theme.runs[options.look(list[Math.floor((i - 1) / 2)].run).colour];
  }
}

/** Points of a short or torn series are shown as dots: a line of one point is invisible. */
function sparse(u, i) {
  const values = u.data[i];
  let known = 0;
  for (let k = u.series[0].idxs?.[0] ?? 0; k <= (u.series[0].idxs?.[1] ?? -1); k++) {
    if (values[k] !== null && values[k] !== undefined && ++known > 2) return false;
  }
  return known > 0;
}

function xRange(view, min, max) {
  if (view.zoom) return view.zoom;
  if (min === null || min === undefined) return [0, 1];
  const pad = max > min ? 0 : view.axis === "step" ? 1 : 0.5;
  return [min - pad, max + pad];
}

function yRange(u, min, max, view) {
  if (min === null || min === undefined) return view.logY ? [0.1, 1] : [0, 1];
  if (view.outliers) [min, max] = withoutOutliers(u, min, max);
  if (view.logY) return min === max ? [min / 2, max * 2] : [min / 1.15, max * 1.15];
  const pad = max > min ? (max - min) * 0.07 : Math.abs(min) * 0.1 || 0.5;
  return [min - pad, max + pad];
}

function withoutOutliers(u, min, max) {
  const [from, to] = u.series[0].idxs ?? [0, -1];
  const values = [];
  u.series.forEach((one, i) => {
    if (i && one.show) for (let k = from; k <= to; k++) if (typeof u.data[i][k] === "number") values.push(u.data[i][k]);
  });
  if (values.length < 20) return [min, max];
  values.sort((a, b) => a - b);
  const low = values[Math.floor(values.length * 0.01)];
  const high = values[Math.ceil(values.length * 0.99) - 1];
  return high > low ? [low, high] : [min, max];
}

function axes(view, theme) {
  const common = { stroke: theme.axis, font: AXIS_FONT, grid: { stroke: theme.grid, width: 1 }, ticks: { show: false }, border: { show: false } };
  const xs = {
    step: { incrs: STEP_GAPS, values: (_u, values) => stepTicks(values) },
    relative: { incrs: TIME_GAPS, values: (_u, values) => durationTicks(values) },
    wall: { incrs: TIME_GAPS, values: (_u, values, _a, _s, gap) => clockTicks(values, gap) },
  };
  return [
    { ...common, ...xs[view.axis], space: view.axis === "step" ? 56 : 72, size: 26, gap: 4, grid: { show: false } },
    { ...common, values: (_u, values) => (view.logY ? logTicks(values) : ticks(values)), size: labelWidth, space: 34, gap: 6 },
  ];
}

/** Room for the labels. It only grows: a live curve does not move sideways when a label loses a digit. */
function labelWidth(u, values) {
  u.labelLength = Math.max(u.labelLength ?? 5, ...(values ?? []).map((value) => value.length));
  return Math.ceil(u.labelLength * 6.4) + 12;
}

/** NaN and inf have no place on the axis: a cross at the bottom, a triangle at the edge they left by. */
function drawNonFinite(u, list, view, options) {
  const { ctx, bbox } = u;
  const size = MARK * devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const series of list) {
    ctx.strokeStyle = ctx.fillStyle = options.theme.runs[options.look(series.run).colour];
    const xs = xValues(series, view.axis, options.origin(series.run));
    for (const [index, name] of series.bad) {
      const x = u.valToPos(xs[index], "x", true);
      if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
      const y = name === "inf" ? bbox.top + size : bbox.top + bbox.height - size;
      ctx.beginPath();
      if (name === "nan") {
        ctx.moveTo(x - size, y - size);
        ctx.lineTo(x + size, y + size);
        ctx.moveTo(x + size, y - size);
        ctx.lineTo(x - size, y + size);
        ctx.stroke();
      } else {
        const tip = name === "inf" ? -size : size;
        ctx.moveTo(x, y + tip);
        ctx.lineTo(x - size, y - tip);
        ctx.lineTo(x + size, y - tip);
        ctx.fill();
      }
    }
  }
  ctx.restore();
}

/** A colour as CSS gives it, rgb(), at a part of its strength. */
function withAlpha(colour, alpha) {
  return `rgb(${colour.match(/[\d.]+/g).slice(0, 3).join(" ")} / ${alpha})`;
}
