// What is said about the run under the pointer: its name, and its values on the axes.
import { make } from "./dom.js";

const MOST = 12;

/**
 * A tooltip inside of a plot.
 * @returns {{show: (row: object|null, x?: number, y?: number, axes?: object[]) => void}}
 */
export function hoverTip(host, state) {
  const element = make("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  host.append(element);
  return {
    show(row, x = 0, y = 0, axes = []) {
      element.hidden = !row;
      if (!row) return;
      const { colour, dash } = state.colour(row.id);
      element.replaceChildren(
        make("div", { class: "tip-row" }, make("span", { class: "swatch", "data-colour": colour, "data-dash": dash }), make("strong", { class: "tip-name" }, `${row.name} #${row.id}`)),
        ...axes.slice(0, MOST).map((axis) => {
          const value = axis.value(row);
          return make("div", { class: "tip-row" }, make("span", { class: "tip-name" }, axis.title), make("strong", {}, value === null || value === undefined ? "—" : axis.text(value)));
        }));
      const room = host.clientWidth - element.offsetWidth - 8;
      const left = x + 16 > room ? x - element.offsetWidth - 16 : x + 16;
      const top = Math.min(y + 12, host.clientHeight - element.offsetHeight - 4);
      element.style.transform = `translate(${Math.max(0, left)}px, ${Math.max(0, top)}px)`;
    },
  };
}
