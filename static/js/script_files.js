// The files of an upload, beside the editor: one is open, some are changed.
import { make } from "./dom.js";

const MOST = 300;

export class FileList {
  /** @param {(path: string) => void} choose called with the file to open */
  constructor(choose) {
    this.choose = choose;
    this.buttons = new Map();
    this.list = make("ul", { class: "list" });
    this.element = make("nav", { class: "code-files", "aria-label": "Files" }, this.list);
    this.element.hidden = true;
  }

  /** Show these files; none hides the list. */
  show(files, open) {
    const all = files.map(({ path }) => path);
    // scripts first where not all are shown
    const paths = all.length > MOST ? [...all].sort((a, b) => b.endsWith(".py") - a.endsWith(".py")).slice(0, MOST) : all;
    if (paths.join("\n") !== [...this.buttons.keys()].join("\n")) {
      this.buttons = new Map(paths.map((path) => [path, make("button", { type: "button", title: path, onclick: () => this.choose(path) }, path)]));
      this.list.replaceChildren(...[...this.buttons.values()].map((button) => make("li", {}, button)));
      if (all.length > MOST) this.list.append(make("li", { class: "muted small" }, `and ${all.length - MOST} more`));
    }
    this.element.hidden = paths.length === 0;
    for (const [path, button] of this.buttons) {
      if (path === open) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
  }

  /** Say which of them were changed. */
  changed(edits) {
    for (const [path, button] of this.buttons) {
      const is = edits.has(path);
      if (is === (button.dataset.changed !== undefined)) continue;
      if (is) button.dataset.changed = "";
      else delete button.dataset.changed;
      button.replaceChildren(path, ...(is ? [make("span", { class: "visually-hidden" }, " (changed)")] : []));
    }
  }
}
