// A chart as a table, as CSV and as a picture.
import { extremes } from "./chart_data.js";
import { number } from "./chart_format.js";
import { make, save } from "./dom.js";

const WORDS = { nan: "NaN", inf: "inf", "-inf": "-inf" };
const ROWS = 1000;

/** A sentence about a chart, for those who do not see it. */
export function summary(tag, list, label) {
  const parts = list.map((series) => {
    const who = list.length > 1 ? `${label(series.run)}: ` : "";
    const found = extremes(series);
    if (!found) return `${who}no finite value`;
    const at = (point) => `${number(point.value)} at step ${point.step}`;
    const torn = series.bad.size ? `, ${series.bad.size} not finite` : "";
    return `${who}${series.total} points, from ${at(found.first)} to ${at(found.last)}, least ${at(found.min)}, greatest ${at(found.max)}${torn}`;
  });
  return parts.length ? `Line chart of ${tag}. ${parts.join(". ")}.` : `Line chart of ${tag}, no points yet.`;
}

function value(series, i) {
  return series.y[i] === null ? (WORDS[series.bad.get(i)] ?? "") : String(series.y[i]);
}

/** The points of all runs as CSV: run, step, wall time, value. */
export function csv(list) {
  const lines = ["run,step,wall_time,value"];
  for (const series of list) series.step.forEach((step, i) => lines.push(`${series.run},${step},${series.wall[i]},${value(series, i)}`));
  return `${lines.join("\n")}\n`;
}

/** Save what `csv` makes. */
export function saveCsv(tag, list) {
  save(`${fileName(tag)}.csv`, new Blob([csv(list)], { type: "text/csv" }));
}

/** Save a picture of a plot, with its name above and the page's background behind it. */
export function savePng(tag, plot, background, ink) {
  const source = plot.ctx.canvas;
  const ratio = devicePixelRatio;
  const head = Math.round(26 * ratio);
  const canvas = make("canvas", { width: source.width, height: source.height + head });
  const ctx = canvas.getContext("2d");
  ctx.fillStyle = background;
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.fillStyle = ink;
  ctx.font = `600 ${13 * ratio}px system-ui, sans-serif`;
  ctx.fillText(tag, 10 * ratio, 18 * ratio);
  ctx.drawImage(source, 0, head);
  canvas.toBlob((blob) => save(`${fileName(tag)}.png`, blob), "image/png");
}

function fileName(tag) {
  return tag.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+/, "") || "chart";
}

/** The points as a table, the newest first, at most a thousand. */
export function table(tag, list, label) {
  const steps = [...new Set(list.flatMap((series) => series.step))].sort((a, b) => b - a);
  const indices = list.map((series) => new Map(series.step.map((step, i) => [step, i])));
  const head = make("tr", {}, cell("th", "Step", "col"), ...list.map((series) => cell("th", list.length > 1 ? label(series.run) : "Value", "col")));
  const rows = steps.slice(0, ROWS).map((step) =>
    make("tr", {}, cell("th", String(step), "row"),
      ...list.map((series, k) => {
        const i = indices[k].get(step);
        return cell("td", i === undefined ? "" : series.y[i] === null ? value(series, i) : number(series.y[i]));
      })));
  const caption = steps.length > ROWS ? `${tag}: the newest ${ROWS} of ${steps.length} steps` : tag;
  return make("table", { class: "table" }, make("caption", { class: "visually-hidden" }, caption), make("thead", {}, head), make("tbody", {}, ...rows));
}

function cell(name, text, scope) {
  return make(name, { scope, class: "num" }, text);
}
