// The lines of a log in the page: blocks of lines, at most MAX_LINES altogether, the last one perhaps not ended yet.
import { byteLength } from "./log_source.js";
import { Screen } from "./log_screen.js";
import { paint } from "./log_text.js";
import { make } from "./dom.js";

export const MAX_LINES = 5000;
const BLOCK = 200;
const NOTE = /^… [\d,]+ bytes of output were dropped here/;

/** A bounded list of lines between the offsets `top` and `end` of the output. */
export class LogLines {
  /** @param {HTMLElement} host gets the blocks as children */
  constructor(host) {
    this.host = host;
    this.clear(0);
  }

  /** Empty it; what is appended next begins at this offset. */
  clear(offset) {
    this.host.replaceChildren();
    this.blocks = [];
    this.count = 0;
    this.end = offset;
    this.start = offset;
    this.screen = new Screen(() => this.#place(), show);
    this.emptyTop = offset;
  }

  /** Offset of the first line. */
  get top() {
    return this.blocks[0]?.start ?? this.emptyTop;
  }

  /** Whether the last line has not ended yet. */
  get partial() {
    return this.screen.partial;
  }

  /**
   * Add output behind the last line.
   * @param {string} text
   * @param {number} end offset behind it
   * @returns {number} line feeds in it
   */
  append(text, end) {
    // Where bytes were no UTF-8 the lengths differ; then all its lines count as beginning where it begins.
    const exact = byteLength(text) === end - this.end;
    this.start = this.end;
    const rows = text.split("\n");
    for (let i = 0; i < rows.length; i++) {
      const last = i === rows.length - 1;
      this.screen.write(last ? rows[i] : `${rows[i]}\n`);
      if (exact && !last) this.start += byteLength(rows[i]) + 1;
    }
    this.screen.draw();
    this.end = end;
    return rows.length - 1;
  }

  #place() {
    let block = this.blocks.at(-1);
    if (!block || block.count >= BLOCK) {
      block = { element: make("div", { class: "log-block" }), count: 0, start: this.start };
      this.blocks.push(block);
      this.host.append(block.element);
    }
    const element = make("div", { class: "log-line" });
    block.element.append(element);
    block.count += 1;
    this.count += 1;
    return element;
  }

  /**
   * Put history before the first line; it has to end where that one begins.
   * @param {string} text whole lines
   * @param {number} start its offset
   */
  prepend(text, start) {
    const older = new LogLines(make("div"));
    older.clear(start);
    older.append(text, start + byteLength(text));
    if (older.blocks.length) older.blocks[0].start = start;
    this.host.prepend(...older.blocks.map((block) => block.element));
    this.blocks.unshift(...older.blocks);
    this.count += older.count;
    if (!this.blocks.length) this.emptyTop = start;
  }

  /** Drop the oldest lines until the bound holds. @returns {boolean} whether any was dropped */
  trimTop() {
    return this.#trim(() => this.blocks.shift());
  }

  /** Drop the newest lines until the bound holds. @returns {boolean} whether any was dropped */
  trimBottom() {
    const dropped = this.#trim(() => this.blocks.pop());
    if (dropped) this.screen.forget();
    return dropped;
  }

  #trim(take) {
    let dropped = false;
    while (this.count > MAX_LINES && this.blocks.length > 1) {
      const block = take();
      block.element.remove();
      this.count -= block.count;
      dropped = true;
    }
    return dropped;
  }
}

function show(row) {
  const pieces = row.pieces();
  paint(row.element, pieces);
  row.element.classList.toggle("log-note", NOTE.test(pieces[0]?.text ?? ""));
}
