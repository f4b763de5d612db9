// The tool bar above the charts and the menu of a card.
import { saveCsv, savePng } from "./chart_export.js";
import { MAX_SMOOTHING } from "./chart_view.js";
import { icon, make } from "./dom.js";

const AXES = { step: "Step", relative: "Relative", wall: "Wall" };

/**
 * The tool bar.
 * @param {object} board the island
 * @returns {{element: HTMLElement, refresh: () => void}} `refresh` shows the view as it is now
 */
export function toolBar(board) {
  const { view } = board;
  const button = (text, label, onclick) => make("button", { class: "btn ghost icon small", type: "button", "aria-label": label, title: label, onclick }, icon(text));
  const filter = make("input", { type: "search", class: "curve-filter", placeholder: "Filter tags", "aria-label": "Filter tags, plain or /regex/", oninput: () => board.filter(filter.value) });
  const axes = Object.entries(AXES).map(([axis, text]) =>
    make("button", { type: "button", "data-axis": axis, onclick: () => view.set({ axis }) }, text));
  const slider = make("input", { type: "range", min: 0, max: MAX_SMOOTHING, step: 0.01, "aria-label": "Smoothing", oninput: () => view.set({ smoothing: Number(slider.value) }) });
  const shown = make("output", { class: "curve-smoothing" });
  const toggle = (text, key, title) => make("button", { class: "btn small", type: "button", title, "data-toggle": key, onclick: () => view.set({ [key]: !view[key] }) }, text);
  const toggles = [toggle("Log y", "logY", "Logarithmic y axis"), toggle("Clip outliers", "outliers", "Scale y to the middle 98 % of the values")];
  const zooms = [button("minus", "Zoom out", () => board.zoomBy(2)), button("plus", "Zoom in", () => board.zoomBy(0.5)), button("reset", "Show everything (0)", () => view.reset())];
  const element = make("div", { class: "island-bar curve-bar", role: "group", "aria-label": "Charts" },
    filter,
    make("div", { class: "segmented", role: "group", "aria-label": "Horizontal axis" }, ...axes),
    make("label", { class: "curve-slider" }, make("span", {}, "Smoothing"), slider, shown),
    ...toggles,
    make("span", { class: "island-space" }),
    make("div", { class: "curve-zooms", role: "group", "aria-label": "Zoom" }, ...zooms));
  const legend = make("div", { class: "curve-legend", role: "group", "aria-label": "Runs", hidden: board.store.runs.length < 2 });
  for (const run of board.store.runs) {
    const { colour, dash } = board.look(run);
    legend.append(make("button", { type: "button", "data-run": run, title: "Show or hide", onclick: () => board.toggleRun(run) },
      make("span", { class: "swatch", "data-colour": colour, "data-dash": dash }), make("span", {})));
  }
  element.append(legend);
  const refresh = () => {
    for (const one of legend.children) {
      one.lastChild.textContent = board.label(Number(one.dataset.run));
      one.setAttribute("aria-pressed", String(!board.hiddenRuns.has(Number(one.dataset.run))));
    }
    for (const one of axes) one.setAttribute("aria-pressed", String(one.dataset.axis === view.axis));
    for (const one of toggles) one.setAttribute("aria-pressed", String(view[one.dataset.toggle]));
    slider.value = view.smoothing;
    shown.textContent = view.smoothing.toFixed(2);
    zooms[2].disabled = !view.zoom;
    filter.hidden = board.cards.size < 7 && !filter.value;
  };
  refresh();
  return { element, refresh };
}

/** The menu of a card: one popover for all cards of an island, which the browser closes by itself. */
export class CardMenu {
  constructor(board) {
    this.board = board;
    this.element = make("div", { class: "curve-menu", popover: "auto", role: "menu", onkeydown: (event) => this.#key(event) });
    board.frame.append(this.element);
  }

  /** Open it at a card's button. */
  open(card) {
    const { board } = this;
    const item = (text, action) =>
      make("button", { type: "button", role: "menuitem", onclick: () => {
        this.element.hidePopover();
        card.menu.focus();
        action();
      } }, text);
    const items = [
      item(card.asTable ? "View as chart" : "View as table", () => card.setTable(!card.asTable)),
      item(card.wide ? "Normal size" : "Full width", () => {
        card.setWide(!card.wide);
        board.drawSoon();
      }),
      item("Download CSV", () => saveCsv(card.tag, card.series)),
    ];
    if (card.plot) {
      const style = getComputedStyle(card.element);
      items.push(item("Download PNG", () => savePng(card.tag, card.plot, style.backgroundColor, style.color)));
    }
    this.element.replaceChildren(...items);
    this.element.showPopover();
    const at = card.menu.getBoundingClientRect();
    const { offsetWidth, offsetHeight } = this.element;
    this.element.style.left = `${Math.max(8, Math.min(at.right - offsetWidth, innerWidth - offsetWidth - 8))}px`;
    this.element.style.top = `${at.bottom + offsetHeight + 8 > innerHeight ? at.top - offsetHeight - 4 : at.bottom + 4}px`;
    items[0].focus();
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const items = [...this.element.children];
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  }
}
