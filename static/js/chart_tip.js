// The tooltip of the chart under the pointer, and the values that all charts show at the crosshair.
import { nearest, smooth, spacing, xValues } from "./chart_data.js";
import { number, xWords } from "./chart_format.js";
import { make } from "./dom.js";

const MOST = 10;

/**
 * What each run of a tag has nearest to x, the nearest to the pointer first.
 * @param {import("./chart_data.js").Series[]} list
 * @param {object} view
 * @param {(run: number) => number} origin
 * @param {number} x
 * @param {number|null} y the pointer's value, to sort by
 */
export function readings(list, view, origin, x, y = null) {
  const found = [];
  for (const series of list) {
    const xs = xValues(series, view.axis, origin(series.run));
    if (!xs.length) continue;
    const i = nearest(xs, x);
    const soft = view.smoothing ? softAt(series, view.smoothing)[i] : null;
    const shown = soft ?? series.y[i];
    found.push({
      run: series.run,
      step: series.step[i],
      wall: series.wall[i],
      x: xs[i],
      raw: series.y[i],
      soft,
      text: series.y[i] === null ? { nan: "NaN", inf: "+∞", "-inf": "−∞" }[series.bad.get(i)] ?? "–" : number(series.y[i]),
      distance: y === null || shown === null ? Infinity : Math.abs(shown - y),
    });
  }
  return y === null ? found : found.sort((a, b) => a.distance - b.distance);
}

const softened = new WeakMap();

/** The smoothed values, computed once per series and weight: a hover asks for them at every move. */
function softAt(series, weight) {
  const known = softened.get(series);
  if (known?.weight === weight) return known.values;
  const values = smooth(series.y, series.step, weight, spacing(series));
  softened.set(series, { weight, values });
  return values;
}

/** One tooltip for all charts of an island. */
export class Tip {
  /** @param {HTMLElement} host the island's frame */
  constructor(host) {
    this.head = make("div", { class: "tip-head" });
    this.rows = make("div", { class: "tip-rows" });
    this.element = make("div", { class: "tip", hidden: true, "aria-hidden": "true" }, this.head, this.rows);
    host.append(this.element);
  }

  /**
   * @param {ReturnType<typeof readings>} list sorted
   * @param {{left: number, top: number, flip: boolean}} place in the host, pixels
   * @param {{view: object, origin: Function, label: Function, look: Function, names: boolean}} context
   */
  show(list, place, context) {
    if (!list.length) return this.hide();
    const first = list[0];
    const words = xWords(context.view.axis, first.step, first.wall, context.origin(first.run));
    this.head.replaceChildren(make("strong", {}, words[0]), ` · ${words.slice(1).join(" · ")}`);
    const rows = list.slice(0, MOST).map((one) => row(one, context));
    if (list.length > MOST) rows.push(make("div", { class: "tip-more" }, `and ${list.length - MOST} more runs`));
    this.rows.replaceChildren(...rows);
    const x = Math.round(place.left + (place.flip ? -14 : 14));
    this.element.style.transform = `translate(${x}px, ${Math.round(place.top)}px)${place.flip ? " translateX(-100%)" : ""}`;
    this.element.hidden = false;
  }

  /** Take it away. */
  hide() {
    this.element.hidden = true;
  }
}

function row(one, context) {
  const look = context.look(one.run);
  const parts = [make("span", { class: "swatch", "data-colour": look.colour, "data-dash": look.dash })];
  if (context.names) parts.push(make("span", { class: "tip-name" }, context.label(one.run)));
  if (one.soft !== null && context.view.smoothing) {
    parts.push(make("strong", {}, number(one.soft)), make("span", { class: "tip-raw" }, `raw ${one.text}`));
  } else parts.push(make("strong", {}, one.text));
  return make("div", { class: "tip-row" }, ...parts);
}
