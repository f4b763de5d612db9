// Texts of several runs at one step, as Markdown or as they were written.
import { make } from "./dom.js";
import { markdown } from "./wb_markdown.js";

export class TextView {
  constructor(board) {
    this.board = board;
    this.element = make("div", { class: "by-images by-texts" });
    this.raw = false;
    this.toggle = make("button", { class: "btn small", type: "button", "aria-pressed": "false", onclick: () => this.#flip() }, "As written");
    this.tools = [this.toggle];
  }

  draw(runs) {
    this.runs = runs;
    const shape = runs.map(({ run }) => run).join();
    if (shape !== this.shape) {
      this.shape = shape;
      this.cells = runs.map((run) => {
        const [head, body] = [make("div"), make("div", { class: "by-text", tabIndex: 0, role: "region" })];
        return { head, body, element: make("figure", { class: "card by-cell", "data-run": run.run }, head, body) };
      });
      this.element.replaceChildren(...this.cells.map((cell) => cell.element));
    }
    runs.forEach((run, index) => this.#fill(this.cells[index], run));
  }

  #fill(cell, run) {
    const item = this.board.nearest(run.items);
    cell.head.replaceChildren(this.board.headOf(run.run, item));
    const shown = `${this.raw} ${item.step} ${item.wall}`;
    if (cell.shown === shown) return;
    cell.shown = shown;
    cell.body.setAttribute("aria-label", `Text of run ${run.run} at step ${item.step}`);
    const parts = item.texts.flatMap((text) => (this.raw ? [make("pre", { class: "pre" }, text)] : markdown(text)));
    cell.body.replaceChildren(...parts, ...(item.cut ? [make("p", { class: "muted small" }, "The rest is left out; TensorBoard shows all of it.")] : []));
  }

  #flip() {
    this.raw = !this.raw;
    this.toggle.setAttribute("aria-pressed", String(this.raw));
    this.draw(this.runs);
  }
}
