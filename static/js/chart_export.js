// A chart as words, as a table, as CSV and JSON, and as a picture.
import { extremes } from "./chart_data.js";
import { number } from "./chart_format.js";
import { SvgPen } from "./chart_svg.js";
import { make, save } from "./dom.js";

export { pythonOf } from "./chart_python.js";

const WORDS = { nan: "NaN", inf: "inf", "-inf": "-inf" };
const ROWS = 1000;
const SPOKEN = 5;
const TITLE = 28;
const LEGEND_LINE = 18;
const LEGEND_MOST = 40;
const TITLE_FONT = "600 13px system-ui, sans-serif";
const LEGEND_FONT = "11px system-ui, sans-serif";

/** A sentence about a chart, for those who do not see it. */
export function summary(tag, list, label, groups = 0) {
  if (groups) return `Line chart of ${tag}: the means of ${groups} groups of runs.`;
  const parts = list.slice(0, SPOKEN).map((series) => {
    const who = list.length > 1 ? `${label(series.run)}: ` : "";
    const found = extremes(series);
    if (!found) return `${who}no finite value`;
    const at = (point) => `${number(point.value)} at step ${point.step}`;
    const torn = series.bad.size ? `, ${series.bad.size} not finite` : "";
    return `${who}${series.total} points, from ${at(found.first)} to ${at(found.last)}, least ${at(found.min)}, greatest ${at(found.max)}${torn}`;
  });
  if (list.length > SPOKEN) parts.push(`And ${list.length - SPOKEN} more runs`);
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

/** Save the points as JSON, with the names of the runs; what is not finite is a string, as JSON has no word for it. */
export function saveJson(card, list) {
  const series = list.map((one) => ({ run: one.run, name: card.board.label(one.run), step: one.step, wall_time: one.wall, value: one.y.map((y, i) => y ?? WORDS[one.bad.get(i)] ?? null) }));
  save(`${fileName(card.tag)}.json`, new Blob([`${JSON.stringify({ tag: card.tag, series }, null, 1)}\n`], { type: "application/json" }));
}

/** Paint a card with its name above and its legend below. @returns {{width: number, height: number, paint: (pen: object) => void}} */
function picture({ tag, plot, lines, board }) {
  const { width, height } = plot.box;
  const named = lines.length > 1 ? lines.slice(0, LEGEND_MOST) : [];
  const theme = board.theme;
  const cut = lines.length - named.length;
  const rows = named.length + (named.length && cut > 0 ? 1 : 0);
  const all = TITLE + height + (rows ? 8 + rows * LEGEND_LINE : 0);
  const paint = (pen, translate) => {
    pen.fillStyle = theme.surface;
    pen.fillRect(0, 0, width, all);
    pen.font = TITLE_FONT;
    pen.fillStyle = theme.ink;
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillText(tag, 10, 19);
    pen.font = LEGEND_FONT;
    named.forEach((line, i) => {
      const y = TITLE + height + 8 + i * LEGEND_LINE;
      pen.fillStyle = theme.runs[board.look(line.key).colour];
      pen.fillRect(12, y + 4, 14, 3);
      pen.fillStyle = theme.ink;
      pen.fillText(board.label(line.key), 32, y + 10);
    });
    if (rows > named.length) pen.fillText(`and ${cut} more`, 32, TITLE + height + 18 + named.length * LEGEND_LINE);
    translate(0, TITLE);
    plot.paint(pen);
  };
  return { width, height: all, paint };
}

/** Save a picture of a card in pixels, twice as many as the screen has. */
export function savePng(card) {
  const { width, height, paint } = picture(card);
  const scale = Math.max(2, devicePixelRatio);
  const canvas = make("canvas", { width: width * scale, height: height * scale });
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  paint(pen, (x, y) => pen.translate(x, y));
  canvas.toBlob((blob) => save(`${fileName(card.tag)}.png`, blob), "image/png");
}

/** Save a picture of a card in vectors. */
export function saveSvg(card) {
  save(`${fileName(card.tag)}.svg`, new Blob([svg(card)], { type: "image/svg+xml" }));
}

/** The text of that. */
export function svg(card) {
  const { width, height, paint } = picture(card);
  const pen = new SvgPen(width, height);
  paint(pen, (x, y) => pen.translate(x, y));
  return pen.text(card.tag);
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
  return make(name, { scope: name === "th" ? scope : undefined, class: "num" }, text);
}
