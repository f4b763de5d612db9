// The axes of the parallel coordinates: lines, labels and brushes as SVG, titles as buttons above them.
import { make } from "./dom.js";

const NS = "http://www.w3.org/2000/svg";
const REACH = 15; // of an axis to its sides, for the pointer
const EDGE = 6;

function shape(name, attributes, text) {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** The SVG, with a method draw(card, size). */
export function axisSvg() {
  const svg = shape("svg", { class: "by-axes", "aria-hidden": "true" });
  svg.draw = (card, { height, lacking }) => {
    svg.setAttribute("width", card.width);
    svg.setAttribute("height", height);
    svg.replaceChildren(...card.axes.map((axis, index) => axisGroup(card, axis, card.xs[index], lacking ? height - 12 : null)));
    titles(card);
  };
  return svg;
}

function axisGroup(card, axis, x, none) {
  const group = shape("g", { transform: `translate(${x},0)`, "data-axis": axis.name });
  group.append(shape("line", { class: "by-axis", y1: card.top, y2: card.bottom }));
  const least = card.bottom - card.top > 200 ? 6 : 4;
  for (const { at, text } of axis.ticks(least)) {
    const y = card.y(at);
    group.append(shape("line", { class: "by-axis", x1: -3, x2: 3, y1: y, y2: y }), shape("text", { class: "by-tick", x: 7, y: y + 3.5 }, short(text)));
  }
  if (none !== null && card.board.rows.some((row) => axis.at(row) === null)) group.append(shape("text", { class: "by-tick", x: 7, y: none + 3.5 }, "none"));
  const brush = card.brushOf(axis.name);
  if (brush) {
    const [high, low] = ends(card, axis, brush);
    group.append(shape("rect", { class: "by-brush", x: -8, width: 16, y: high, height: Math.max(3, low - high), rx: 3 }));
  }
  const reach = shape("rect", { class: "by-reach", x: -REACH, width: 2 * REACH, y: card.top - 8, height: card.bottom - card.top + 16 });
  reach.addEventListener("pointerdown", (event) => brushing(event, card, axis));
  group.append(reach);
  return group;
}

function short(text) {
  return text.length > 14 ? `${text.slice(0, 13)}…` : text;
}

/** Upper and lower height of a brush. */
function ends(card, axis, [low, high]) {
  const half = axis.words ? Math.max(6, (card.bottom - card.top) / Math.max(1, axis.words.length - 1) / 3) : 0;
  const spot = (value, open) => (value === null ? open : Math.min(1, Math.max(0, axis.place(value) ?? open)));
  return [card.y(spot(high, 1)) - half, card.y(spot(low, 0)) + half];
}

/** Draw a brush, move the one that is there, or drag one of its ends; a click takes it away. */
function brushing(event, card, axis) {
  if (event.button !== 0) return;
  event.preventDefault();
  const box = card.plot.getBoundingClientRect();
  const heightOf = (moved) => Math.min(card.bottom, Math.max(card.top, moved.clientY - box.top));
  const from = heightOf(event);
  const brush = card.brushOf(axis.name);
  const [high, low] = brush ? ends(card, axis, brush) : [0, 0];
  const grip = !brush ? "new" : Math.abs(from - high) < EDGE ? "high" : Math.abs(from - low) < EDGE ? "low" : from > high && from < low ? "whole" : "new";
  let moved = false;
  card.busy = true;
  const abort = new AbortController();
  const { signal } = abort;
  document.addEventListener("pointermove", (step) => {
    const to = heightOf(step);
    if (Math.abs(to - from) < 4 && !moved) return;
    moved = true;
    const [a, b] = { new: [from, to], high: [to, low], low: [high, to], whole: [high + to - from, low + to - from] }[grip];
    const places = [card.placeAt(Math.max(a, b)), card.placeAt(Math.min(a, b))];
    card.brush(axis.name, places.map((place) => axis.back(place)));
  }, { signal });
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => {
      abort.abort();
      card.busy = false;
      if (!moved && brush) card.brush(axis.name, null);
    }, { signal });
  }
}

function titles(card) {
  const names = card.axes.map((axis) => axis.name).join("\n");
  if (card.titled !== names) {
    card.titled = names;
    const held = card.titles.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    card.titles.replaceChildren(...card.axes.map((axis) => title(card, axis)));
    if (held) [...card.titles.children].find((one) => one.dataset.name === held)?.focus();
  }
  const room = card.xs.length > 1 ? card.xs[1] - card.xs[0] - 6 : card.width;
  card.axes.forEach((axis, index) => {
    const button = card.titles.children[index];
    const wide = Math.min(room, 2 * Math.min(card.xs[index], card.width - card.xs[index]) - 4);
    button.style.inlineSize = `${wide}px`;
    button.style.insetInlineStart = `${card.xs[index] - wide / 2}px`;
    button.lastChild.textContent = axis.log ? " log" : "";
    button.classList.toggle("is-brushed", card.brushOf(axis.name) !== undefined);
  });
}

function title(card, axis) {
  const button = make("button", { type: "button", class: "by-title", title: axis.name, "data-name": axis.name, "aria-haspopup": "dialog" },
    make("bdi", {}, axis.title), make("small", {}));
  button.addEventListener("pointerdown", (event) => moving(event, card, button));
  button.addEventListener("click", () => !button.dragged && card.menu.open(button, axis.name));
  button.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !event.altKey) return;
    event.preventDefault();
    shift(card, axis.name, step);
  });
  return button;
}

/** Move an axis by so many places. */
export function shift(card, name, step) {
  const names = [...card.names];
  const from = names.indexOf(name);
  const to = from + step;
  if (to < 0 || to >= names.length) return;
  names.splice(to, 0, ...names.splice(from, 1));
  card.order(names);
}

function moving(event, card, button) {
  if (event.button !== 0) return;
  button.dragged = false;
  const abort = new AbortController();
  const { signal } = abort;
  const start = event.clientX;
  document.addEventListener("pointermove", (step) => {
    const by = step.clientX - start;
    if (Math.abs(by) < 6 && !button.dragged) return;
    button.dragged = true;
    const x = step.clientX - card.plot.getBoundingClientRect().left;
    const to = card.xs.reduce((best, at, index) => (Math.abs(at - x) < Math.abs(card.xs[best] - x) ? index : best), 0);
    const from = card.names.indexOf(button.dataset.name);
    if (to !== from) shift(card, button.dataset.name, to - from);
  }, { signal });
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => abort.abort(), { signal });
}
