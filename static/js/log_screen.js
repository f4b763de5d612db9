// What a terminal would show of output: rows of characters, and a cursor that carriage returns, backspaces and escape
// sequences move, as progress bars do. The last rows can be written over, those above them stay as they are.
import { PLAIN, Style } from "./log_text.js";

export const MAX_LINE = 20_000;
const LIVE = 60; // rows that the cursor can go back to; nested bars use a few
const TOKEN = /\x1b\[([<-?]?)([0-9;:]*)[ -/]*([@-~])|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]+[0-~]|\x1b[0-~]|[\r\n\b]|[^\x1b\r\n\b]+|\x1b/g;
const UNFINISHED = /\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\n]{0,2000}|[ -/]*)$/;
const SURROGATE = /[\ud800-\udfff]/;
const UNPRINTABLE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/g;

/** One row. `element` belongs to whoever made it. Most rows are only written on: characters are told apart when needed. */
class Row {
  constructor(element) {
    this.element = element;
    this.runs = [];
    this.cells = null;
    this.count = 0;
    this.over = 0;
    this.rewritten = false;
  }

  /** Characters in it. */
  get length() {
    return this.cells ? this.cells.length : this.count;
  }

  /** Write at its end. @returns {number} characters */
  add(text, look) {
    const room = MAX_LINE - this.length;
    const chars = this.cells || text.length > room || SURROGATE.test(text) ? [...text] : null;
    const length = chars ? chars.length : text.length;
    if (chars && chars.length > room) {
      this.over = Math.max(this.over, chars.length - room);
      chars.length = room;
      text = chars.join("");
    }
    if (this.cells) for (const char of chars) this.cells.push({ text: char, look });
    else {
      this.count += chars ? chars.length : length;
      this.runs.push({ text, look });
    }
    return length;
  }

  /** Write over the character there. */
  put(at, char, look) {
    this.split()[at] = { text: char, look };
    this.rewritten = true;
  }

  /** Its characters one by one, to be changed. */
  split() {
    this.cells ??= this.runs.flatMap(({ text, look }) => Array.from(text, (char) => ({ text: char, look })));
    return this.cells;
  }

  /** Pieces of one look each. */
  pieces() {
    const source = this.cells ?? this.runs;
    let end = source.length;
    // What a bar wiped out with blanks is gone.
    while (this.rewritten && end && source[end - 1].text === " " && source[end - 1].look === PLAIN) end -= 1;
    const found = [];
    for (let from = 0, to = 0; from < end; from = to) {
      while (to < end && source[to].look === source[from].look) to += 1;
      found.push({ text: source.slice(from, to).map((one) => one.text).join(""), look: source[from].look });
    }
    if (this.over) found.push({ text: ` … (${(this.length + this.over).toLocaleString("en")} characters)`, look: PLAIN });
    return found;
  }
}

/** The end of a log as a terminal has it. */
export class Screen {
  /**
   * @param {() => HTMLElement} place makes and places the element of a new last row
   * @param {(row: Row) => void} show a row is to be drawn
   */
  constructor(place, show) {
    this.place = place;
    this.show = show;
    this.style = new Style();
    this.look = PLAIN;
    this.held = "";
    this.dirty = new Set();
    this.forget();
  }

  /** The rows so far are out of reach; what comes begins a new one. */
  forget() {
    this.rows = [];
    this.row = 0;
    this.column = 0;
  }

  /** Whether something stands in the cursor's row. */
  get partial() {
    return Boolean(this.rows[this.row]?.length);
  }

  /** Take output, in pieces of any size; `draw` shows what it changed. */
  write(text) {
    let rest = this.held + text;
    const cut = UNFINISHED.exec(rest);
    this.held = cut ? cut[0] : "";
    if (cut) rest = rest.slice(0, cut.index);
    for (const [token, mark, codes, command] of rest.matchAll(TOKEN)) {
      if (command) this.#command(mark, codes, command);
      else if (token === "\n") this.#feed();
      else if (token === "\r") this.column = 0;
      else if (token === "\b") this.column = Math.max(0, this.column - 1);
      else if (token[0] !== "\x1b") this.#print(token.replace(UNPRINTABLE, ""));
    }
  }

  /** Show every row that changed. */
  draw() {
    for (const row of this.dirty) this.show(row);
    this.dirty.clear();
  }

  #current() {
    while (this.row >= this.rows.length) {
      const row = new Row(this.place());
      this.rows.push(row);
      this.dirty.add(row);
    }
    return this.rows[this.row];
  }

  #feed() {
    this.#current();
    this.row += 1;
    this.column = 0;
    if (this.rows.length <= 2 * LIVE) return;
    const gone = this.rows.length - LIVE;
    if (this.row < gone) return; // far up in what is still written over
    this.draw();
    this.rows.splice(0, gone);
    this.row -= gone;
  }

  #print(text) {
    if (!text) return;
    const row = this.#current();
    this.dirty.add(row);
    if (this.column > row.length && row.length < MAX_LINE) row.add(" ".repeat(this.column - row.length), PLAIN);
    if (this.column === row.length) {
      this.column += row.add(text, this.look);
      return;
    }
    for (const char of text) {
      if (this.column < row.length) row.put(this.column, char, this.look);
      else if (this.column < MAX_LINE) row.add(char, this.look);
      else row.over = Math.max(row.over, this.column - MAX_LINE + 1);
      this.column += 1;
    }
  }

  /** A control sequence; what is not known does nothing, and what would clear the screen does not either. */
  #command(mark, codes, command) {
    if (mark) return; // private: the cursor's visibility, the mouse
    if (command === "m") {
      this.style.apply(codes);
      this.look = this.style.look();
      return;
    }
    const number = Number.parseInt(codes, 10) || 0;
    const count = Math.max(1, Math.min(number, MAX_LINE));
    if (command === "A" || command === "F") this.row = Math.max(0, this.row - count);
    else if (command === "B" || command === "E") this.row = Math.max(this.row, Math.min(this.row + count, this.rows.length - 1));
    else if (command === "C") this.column = Math.min(this.column + count, MAX_LINE);
    else if (command === "D") this.column = Math.max(0, this.column - count);
    else if (command === "G") this.column = count - 1;
    else if (command === "K") this.#erase(number);
    else if (command === "P") this.#cut(this.column, count);
    else if (command === "X") this.#blank(this.column, this.column + count);
    else if (command === "J" && number === 0) {
      this.#erase(0);
      for (const row of this.rows.slice(this.row + 1)) this.#truncate(row, 0);
    }
    if (command === "E" || command === "F") this.column = 0;
  }

  #erase(which) {
    const row = this.rows[this.row];
    if (!row) return;
    if (which === 0) this.#truncate(row, this.column);
    else if (which === 1) this.#blank(0, this.column + 1);
    else this.#truncate(row, 0);
  }

  #truncate(row, length) {
    if (row.length <= length) return;
    row.split().length = length;
    row.over = 0;
    this.dirty.add(row);
  }

  #cut(at, count) {
    const row = this.rows[this.row];
    if (!row) return;
    row.split().splice(at, count);
    this.dirty.add(row);
  }

  #blank(from, to) {
    const row = this.rows[this.row];
    if (!row) return;
    for (let at = from; at < Math.min(to, row.length); at++) row.put(at, " ", PLAIN);
    this.dirty.add(row);
  }
}
