// Popovers of the workbench: menus and small panels that hang below a button, closed by the browser itself.
import { make } from "./dom.js";

const GAP = 4;

/**
 * Open a panel below `anchor`; the focus goes into it and back to the anchor when it closes.
 * @param {HTMLElement} anchor
 * @param {HTMLElement[]} content
 * @param {{label: string, role?: string, class?: string}} how
 * @returns {HTMLElement} the panel; panel.hidePopover() closes it
 */
export function popUp(anchor, content, { label, role = "dialog", ...how }) {
  const panel = make("div", { class: `wt-pop ${how.class ?? ""}`, popover: "auto", role, "aria-label": label }, ...content);
  document.body.append(panel);
  panel.showPopover();
  place(panel, anchor);
  panel.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    if (panel.contains(document.activeElement) || document.activeElement === document.body) anchor.isConnected && anchor.focus({ preventScroll: true });
    panel.remove();
  });
  panel.addEventListener("keydown", (event) => {
    event.stopPropagation(); // no shortcuts of the page in here
    if (event.key === "Escape") {
      event.preventDefault();
      panel.hidePopover();
      anchor.focus({ preventScroll: true });
    }
  });
  (panel.querySelector("[autofocus], input, button, [tabindex]") ?? panel).focus();
  return panel;
}

function place(panel, anchor) {
  const box = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = panel;
  const left = Math.max(GAP, Math.min(box.left, innerWidth - width - GAP));
  const below = box.bottom + GAP + height <= innerHeight || box.top < height;
  panel.style.left = `${left}px`;
  panel.style.top = `${below ? Math.max(GAP, Math.min(box.bottom + GAP, innerHeight - height - GAP)) : box.top - height - GAP}px`;
}

/**
 * A menu below a button.
 * @param {HTMLElement} anchor
 * @param {Array<[string, () => void, {checked?: boolean, danger?: boolean}?]|null>} items null: a line between
 */
export function menu(anchor, items, label) {
  const buttons = items.map((item) => {
    if (!item) return make("hr", {});
    const [words, action, { checked } = {}] = item;
    return make("button", {
      type: "button", role: checked === undefined ? "menuitem" : "menuitemcheckbox", tabIndex: -1, "aria-checked": checked === undefined ? undefined : String(checked),
      onclick: () => {
        panel.hidePopover();
        action();
      },
    }, words);
  });
  const panel = popUp(anchor, buttons, { label, role: "menu", class: "wt-menu" });
  panel.addEventListener("keydown", (event) => {
    const all = buttons.filter((one) => one.matches("button"));
    const at = all.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    all[next % all.length].focus();
  });
  return panel;
}
