// The lines of a log in the page: blocks of lines, at most MAX_LINES altogether, the last one perhaps not ended yet.
import { byteLength } from "./log_source.js";
import { Style, collapse, lineElement } from "./log_text.js";
import { make } from "./dom.js";

export const MAX_LINES = 5000;
const BLOCK = 200;
const LONG_PARTIAL = 8192;
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
    this.style = new Style();
    this.partial = null;
    this.emptyTop = offset;
  }

  /** Offset of the first line. */
  get top() {
    return this.blocks[0]?.start ?? this.emptyTop;
  }

  /**
   * Add output behind the last line.
   * @param {string} text
   * @param {number} end offset behind it
   * @returns {number} line feeds in it
   */
  append(text, end) {
    let start = this.end;
    // Where bytes were no UTF-8 the lengths differ; then all its lines count as beginning where it begins.
    const exact = byteLength(text) === end - start;
    const rows = text.split("\n");
    for (let i = 0; i < rows.length; i++) {
      const last = i === rows.length - 1;
      if (rows[i] || !last) this.#row(rows[i], start, !last);
      if (exact && !last) start += byteLength(rows[i]) + 1;
    }
    this.end = end;
    return rows.length - 1;
  }

  #row(text, start, ended) {
    const partial = this.partial;
    const raw = partial ? partial.raw + text : text;
    const before = partial ? partial.style : this.style.copy();
    const style = before.copy();
    const element = lineElement(raw, style);
    if (NOTE.test(raw)) element.classList.add("log-note");
    if (partial) partial.element.replaceWith(element);
    else this.#place(element, start);
    this.style = style;
    // A progress bar without a line feed goes on for hours in one line: keep what it shows, not what it showed.
    const kept = raw.length > LONG_PARTIAL ? collapse(raw) + (raw.endsWith("\r") ? "\r" : "") : raw;
    this.partial = ended ? null : { raw: kept, style: before, element };
  }

  #place(element, start) {
    let block = this.blocks.at(-1);
    if (!block || block.count >= BLOCK) {
      block = { element: make("div", { class: "log-block" }), count: 0, start };
      this.blocks.push(block);
      this.host.append(block.element);
    }
    block.element.append(element);
    block.count += 1;
    this.count += 1;
  }

  /**
   * Put history before the first line; it has to end where that one begins.
   * @param {string} text whole lines
   * @param {number} start its offset
   */
  prepend(text, start) {
    const older = new LogLines(make("div"));
    older.end = start;
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
    if (dropped) this.partial = null;
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
