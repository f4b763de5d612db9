// The tool bar above the charts: which tags, which axes, how smooth, which range.
import { AXES, BANDS, MAX_SMOOTHING, SWITCHES } from "./chart_view.js";
import { icon, make, write } from "./dom.js";

const FILTER_MS = 120;
const FEW = 7; // cards that one finds without a filter
const TITLES = {
  logX: "Logarithmic x axis; the first point at 0 has no place on it",
  logY: "Logarithmic y axis",
  zero: "The y axis begins at zero",
  outliers: "Scale y to the values between the 1st and the 99th percentile",
};

/**
 * The tool bar.
 * @param {object} board the island
 * @returns {{element: HTMLElement, refresh: () => void}} `refresh` shows the view as it is now
 */
export function toolBar(board) {
  const { view } = board;
  const filter = filterBox(board);
  const axes = Object.entries(AXES).map(([x, text]) => make("button", { type: "button", "data-axis": x, onclick: () => view.set({ x }) }, text));
  const smoothing = smoother(view);
  const switches = Object.entries(SWITCHES).map(([name, [, text]]) => make("button", { class: "btn small", type: "button", title: TITLES[name], "data-toggle": name, onclick: () => view.turn(name) }, text));
  const bands = make("select", { class: "small", "aria-label": "Band around the mean of a group", title: "Band around the mean of a group", onchange: () => view.set({ band: bands.value }) },
    ...Object.entries(BANDS).map(([value, text]) => make("option", { value }, text[0].toUpperCase() + text.slice(1))));
  const grouping = make("select", { class: "small", "aria-label": "Mean of groups", onchange: () => board.group(grouping.value) });
  const groups = make("div", { class: "curve-switches" }, grouping, bands);
  const zooms = zoomButtons(board);
  const element = make("div", { class: "island-bar curve-bar", role: "group", "aria-label": "Charts" },
    filter.element,
    make("div", { class: "segmented", role: "group", "aria-label": "Horizontal axis" }, ...axes),
    smoothing.element,
    make("div", { class: "curve-switches", role: "group", "aria-label": "Axes" }, ...switches),
    groups,
    make("span", { class: "island-space" }),
    zooms.element);
  const refresh = () => {
    for (const one of axes) press(one, one.dataset.axis === view.axis);
    for (const one of switches) press(one, view.on(one.dataset.toggle));
    offer(grouping, board);
    bands.value = view.band;
    bands.hidden = !board.groups;
    groups.hidden = grouping.hidden && bands.hidden;
    for (const one of [filter, smoothing, zooms]) one.refresh();
  };
  refresh();
  return { element, refresh, focusFilter: () => filter.input.focus() };
}

function press(button, on) {
  if (button.ariaPressed !== String(on)) button.ariaPressed = String(on);
}

/** The columns that runs can be grouped by. */
function offer(select, board) {
  const columns = board.groupable();
  select.hidden = columns.length === 0;
  const now = board.view.state.get("group");
  const print = JSON.stringify([columns, now]);
  if (select.dataset.print === print) return;
  select.dataset.print = print;
  const options = [["", "Each run"], ...columns.map((name) => [name, `Mean by ${name.replace(/^params\./, "")}`])];
  if (now && !columns.includes(now)) options.push([now, `Mean by ${now.replace(/^params\./, "")}`]);
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  select.value = now;
}

function filterBox(board) {
  const { view } = board;
  let timer = 0;
  const input = make("input", { type: "search", class: "curve-filter", placeholder: "Filter tags", title: "Text, or /regex/", "aria-label": "Filter tags, plain or /regex/", oninput: () => {
    clearTimeout(timer);
    timer = setTimeout(() => view.set({ f: input.value }), FILTER_MS);
  } });
  const found = make("span", { class: "curve-found", role: "status" });
  const element = make("span", { class: "curve-find" }, input, found);
  const refresh = () => {
    if (document.activeElement !== input) input.value = view.filter;
    const { shown, all } = board.sections.counts;
    element.hidden = all < FEW && !view.filter;
    write(found, view.filter ? `${shown.toLocaleString("en-US")} of ${all.toLocaleString("en-US")}` : "");
  };
  return { element, input, refresh };
}

function smoother(view) {
  const slider = make("input", { type: "range", min: 0, max: MAX_SMOOTHING, step: 0.01, "aria-label": "Smoothing", oninput: () => view.set({ sm: Number(slider.value) }) });
  const shown = make("output", { class: "curve-smoothing" });
  const kernel = make("select", { class: "small", "aria-label": "Kernel", title: "How curves are smoothed", onchange: () => view.set({ smk: kernel.value }) },
    make("option", { value: "ema", title: "Exponential moving average, debiased, as TensorBoard's" }, "EMA"),
    make("option", { value: "gauss", title: "Bell over both neighbours" }, "Gaussian"));
  const element = make("div", { class: "curve-slider" }, make("label", {}, make("span", {}, "Smoothing"), slider), shown, kernel);
  const refresh = () => {
    slider.value = view.smoothing;
    write(shown, view.smoothing.toFixed(2));
    kernel.value = view.kernel;
  };
  return { element, refresh };
}

function zoomButtons(board) {
  const button = (name, label, onclick) => make("button", { class: "btn ghost icon small", type: "button", "aria-label": label, title: label, onclick }, icon(name));
  const { view } = board;
  const all = {
    back: button("back", "Zoom back", () => view.back()),
    out: button("minus", "Zoom out", () => board.zoomBy(2)),
    in: button("plus", "Zoom in", () => board.zoomBy(0.5)),
    reset: button("reset", "Show everything (0)", () => view.reset()),
  };
  const element = make("div", { class: "curve-zooms", role: "group", "aria-label": "Zoom" }, ...Object.values(all));
  const refresh = () => {
    all.back.disabled = !view.canGoBack;
    all.reset.disabled = !view.zoom && !Object.values(view.state.get("own")).some((one) => one.zoom);
  };
  return { element, refresh };
}
