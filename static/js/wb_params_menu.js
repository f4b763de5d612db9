// The menu of an axis: its range in figures, its scale and its place, all without a pointer.
import { make } from "./dom.js";
import { shift } from "./wb_params_svg.js";

export class AxisMenu {
  /** @param {object} card the parallel coordinates */
  constructor(card) {
    this.card = card;
    this.element = make("div", { class: "curve-menu by-menu", popover: "auto", role: "dialog", "aria-label": "Axis" });
    this.element.addEventListener("toggle", (event) => {
      if (event.newState === "closed") this.name = null;
    });
  }

  /** Show it below a title. */
  open(button, name) {
    this.name = name;
    this.#fill();
    const box = button.getBoundingClientRect();
    this.element.showPopover();
    this.element.style.insetInlineStart = `${Math.max(8, Math.min(box.left, innerWidth - this.element.offsetWidth - 8))}px`;
    this.element.style.insetBlockStart = `${Math.max(8, Math.min(box.bottom + 4, innerHeight - this.element.offsetHeight - 8))}px`;
    this.element.querySelector("input, select, button")?.focus();
  }

  /** Show the axis as it is now, unless somebody types into it. */
  refresh() {
    if (this.name && !this.element.contains(document.activeElement)) this.#fill();
  }

  #fill() {
    const { card, name } = this;
    const axis = card.axes.find((one) => one.name === name);
    if (!axis) return this.element.hidePopover();
    const [low, high] = card.brushOf(name) ?? [null, null];
    const [from, to] = [this.#end("From", axis, low), this.#end("To", axis, high)];
    const apply = () => {
      const range = [this.#read(axis, from.lastChild), this.#read(axis, to.lastChild)];
      card.brush(name, range.every((value) => value === null) ? null : range);
    };
    for (const field of [from, to]) field.lastChild.addEventListener("change", apply);
    const item = (text, action, disabled = false) => make("button", { type: "button", disabled, onclick: action }, text);
    const place = card.names.indexOf(name);
    const keep = (action) => () => {
      action();
      this.element.hidePopover();
    };
    this.element.setAttribute("aria-label", `Axis ${axis.title}`);
    this.element.replaceChildren(
      make("strong", { class: "by-menu-head" }, axis.title), make("div", { class: "by-range" }, from, to),
      item("Clear brush", keep(() => card.brush(name, null)), low === null && high === null),
      ...(axis.canLog ? [item(axis.log ? "Linear scale" : "Logarithmic scale", keep(() => flip(card.state, name)))] : []),
      item("Move left", keep(() => shift(card, name, -1)), place === 0), item("Move right", keep(() => shift(card, name, 1)), place === card.names.length - 1),
      item("Remove axis", keep(() => card.order(card.names.filter((one) => one !== name)))));
    return undefined;
  }

  #end(text, axis, value) {
    const field = axis.words
      ? make("select", {}, make("option", { value: "" }, "any"), ...axis.words.map((word) => make("option", { value: word }, word)))
      : make("input", { type: "text", inputMode: "decimal", placeholder: axis.text(text === "From" ? axis.low : axis.high) });
    field.value = value === null ? "" : String(value);
    return make("label", {}, make("span", {}, text), field);
  }

  #read(axis, field) {
    if (field.value.trim() === "") return null;
    if (axis.words) return field.value;
    const value = Number(field.value);
    const wrong = !Number.isFinite(value);
    field.setCustomValidity(wrong ? "A number, such as 0.001 or 1e-3" : "");
    field.reportValidity();
    return wrong ? null : value;
  }
}

/** Scale a column the other way. */
export function flip(state, name) {
  const flipped = state.get("flip");
  state.set({ flip: flipped.includes(name) ? flipped.filter((one) => one !== name) : [...flipped, name] });
}
