// What the lines of a chart have at the crosshair, and the tooltip that says it.
import { nearest } from "./chart_data.js";
import { number, xWords } from "./chart_format.js";
import { make, seen, write } from "./dom.js";

const MOST = 10;
const BAD = { nan: "NaN", inf: "+∞", "-inf": "−∞" };

/**
 * What each line has nearest to x, the nearest to the pointer first.
 * @param {import("./chart_lines.js").Line[]} lines
 * @param {number} x
 * @param {number|null} y where the pointer is, in pixels, to sort by
 * @param {import("./chart_scale.js").Scale} [scale] of the values
 */
export function readings(lines, x, y = null, scale = null) {
  const found = [];
  for (const line of lines) {
    if (!line.xs.length) continue;
    const i = nearest(line.xs, x);
    const { series, band } = line;
    const value = line.ys[i];
    const raw = line.raw ? line.raw[i] : value;
    found.push({
      key: line.key,
      run: line.runs[0],
      x: line.xs[i],
      step: series ? series.step[i] : null,
      wall: series ? series.wall[i] : null,
      raw,
      soft: line.raw ? value : null,
      text: raw === null ? (BAD[line.bad.get(i)] ?? "–") : number(raw),
      band: band && band.low[i] !== null ? [band.low[i], band.high[i]] : null,
      n: band ? band.n[i] : null,
      distance: y === null || typeof value !== "number" ? Infinity : Math.abs(scale.pos(value) - y),
    });
  }
  return y === null ? found : found.sort((a, b) => a.distance - b.distance);
}

/** The value of a line's last point, as text. */
export function lastText(line) {
  const last = line.ys.length - 1;
  const raw = (line.raw ?? line.ys)[last];
  return raw === null ? (BAD[line.bad.get(last)] ?? "–") : number(raw);
}

/** One tooltip for all charts of an island. */
export class Tip {
  #rows = [];

  constructor() {
    this.first = make("strong");
    this.rest = make("span");
    this.head = make("div", { class: "tip-head" }, this.first, this.rest);
    this.list = make("div", { class: "tip-rows" });
    this.more = make("div", { class: "tip-more" });
    this.element = make("div", { class: "tip", "aria-hidden": "true" }, this.head, this.list, this.more);
    this.hide();
  }

  /**
   * @param {ReturnType<typeof readings>} found sorted
   * @param {{left: number, top: number, right: number}} at the crosshair in the window, pixels
   * @param {{axis: string, origin: Function, label: Function, look: Function, names: boolean}} context
   */
  show(found, at, context) {
    if (!found.length) return this.hide();
    this.#title(found[0], context);
    const shown = found.slice(0, MOST);
    while (this.#rows.length < shown.length) {
      const row = rowParts();
      this.#rows.push(row);
      this.list.append(row.element);
    }
    this.#rows.forEach((row, i) => fill(row, shown[i], context));
    seen(this.more, found.length > MOST);
    if (found.length > MOST) write(this.more, `and ${found.length - MOST} more`);
    seen(this.element, true);
    this.#place(at);
  }

  #title(first, { axis, origin }) {
    const words = first.wall === null ? [`${axis} ${number(first.x)}`] : xWords(axis, first.step, first.wall, origin(first.run), first.x);
    write(this.first, words[0]);
    write(this.rest, words.length > 1 ? ` · ${words.slice(1).join(" · ")}` : "");
  }

  #place({ left, top }) {
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const x = left + 14 + width > innerWidth - 8 ? Math.max(8, left - 14 - width) : left + 14;
    const y = Math.max(8, Math.min(top, innerHeight - height - 8));
    this.element.style.left = `${Math.round(x)}px`;
    this.element.style.top = `${Math.round(y)}px`;
  }

  /** Take it away. */
  hide() {
    seen(this.element, false);
  }
}

/** Rows are kept and filled anew: a pointer moves sixty times a second. */
function rowParts() {
  const parts = { swatch: make("span", { class: "swatch" }), name: make("span", { class: "tip-name" }), value: make("strong"), raw: make("span", { class: "tip-raw" }) };
  return { ...parts, element: make("div", { class: "tip-row" }, parts.swatch, parts.name, parts.value, parts.raw) };
}

function fill({ element, swatch, name, value, raw }, one, { label, look, names }) {
  seen(element, Boolean(one));
  if (!one) return;
  const { colour, dash } = look(one.key);
  Object.assign(swatch.dataset, { colour, dash });
  seen(name, names);
  if (names) write(name, label(one.key));
  write(value, one.soft === null ? one.text : number(one.soft));
  const more = one.soft !== null ? `raw ${one.text}` : one.band ? `${number(one.band[0])} … ${number(one.band[1])}, n = ${one.n}` : one.n ? `n = ${one.n}` : "";
  write(raw, more);
}
