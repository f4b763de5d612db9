// Raw output to lines, and lines to coloured pieces. Nothing here makes HTML: pieces become text nodes.

/** @typedef {{text: string, classes: string, colour?: string, background?: string}} Piece */

const ESCAPE = /\x1b(?:\[([0-?]*)[ -/]*([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
const UNPRINTABLE = /[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]/g;
const FLAGS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };
export const MAX_LINE = 20_000;

/**
 * What a terminal would show of a line: carriage returns go back and write over it, as progress bars do.
 * @param {string} line without its line feed
 */
export function collapse(line) {
  let text = line.endsWith("\r") ? line.slice(0, -1) : line;
  const back = text.lastIndexOf("\r");
  if (back >= 0) {
    const last = text.slice(back + 1);
    // A bar that just went back to the start of its line still shows what it showed before.
    text = stripped(last) ? last : (text.slice(0, back).split("\r").reverse().find(stripped) ?? last);
  }
  if (text.includes("\b")) text = text.replace(/[^\b]?\b/g, "");
  return text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)} … (${text.length} characters)` : text;
}

/** The line without escape sequences, for searching and copying. */
export function stripped(line) {
  return line.replace(ESCAPE, "").replace(UNPRINTABLE, "");
}

/**
 * Split a line into pieces of one style each. The style goes on in the next line, as in a terminal.
 * @param {string} line
 * @param {Style} style changed in place
 * @returns {Piece[]}
 */
export function colourise(line, style) {
  const pieces = [];
  let from = 0;
  const push = (to) => {
    const text = line.slice(from, to).replace(UNPRINTABLE, "");
    if (text) pieces.push({ text, ...style.look() });
  };
  for (const match of line.matchAll(ESCAPE)) {
    push(match.index);
    if (match[2] === "m") style.apply(match[1]);
    from = match.index + match[0].length;
  }
  push(line.length);
  return pieces;
}

/** The state of SGR: colours and flags. */
export class Style {
  constructor() {
    this.reset();
  }

  reset() {
    this.flags = new Set();
    this.fore = null;
    this.back = null;
  }

  /** @returns {Style} one that changes on its own */
  copy() {
    const style = new Style();
    style.flags = new Set(this.flags);
    style.fore = this.fore;
    style.back = this.back;
    return style;
  }

  /** @param {string} codes what stood between ESC [ and m */
  apply(codes) {
    const list = codes === "" ? [0] : codes.split(/[;:]/).map((code) => Number(code) || 0);
    for (let i = 0; i < list.length; i++) {
      const code = list[i];
      if (code === 0) this.reset();
      else if (FLAGS[code]) this.flags.add(FLAGS[code]);
      else if (OFF[code]) for (const flag of OFF[code]) this.flags.delete(flag);
      else if (code >= 30 && code <= 37) this.fore = code - 30;
      else if (code >= 90 && code <= 97) this.fore = code - 90 + 8;
      else if (code === 39) this.fore = null;
      else if (code >= 40 && code <= 47) this.back = code - 40;
      else if (code >= 100 && code <= 107) this.back = code - 100 + 8;
      else if (code === 49) this.back = null;
      else if (code === 38 || code === 48) i = this.extended(code === 38 ? "fore" : "back", list, i);
    }
  }

  extended(which, list, i) {
    if (list[i + 1] === 5) {
      this[which] = indexed(list[i + 2] ?? 0);
      return i + 2;
    }
    if (list[i + 1] === 2) {
      this[which] = `rgb(${[2, 3, 4].map((k) => Math.min(255, list[i + k] ?? 0)).join(" ")})`;
      return i + 4;
    }
    return i + 1;
  }

  /** @returns {{classes: string, colour?: string, background?: string}} */
  look() {
    const classes = [...this.flags].map((flag) => `ansi-${flag}`);
    if (typeof this.fore === "number") classes.push(`ansi-${this.fore}`);
    if (typeof this.back === "number") classes.push(`ansi-on-${this.back}`);
    const look = { classes: classes.join(" ") };
    if (typeof this.fore === "string") look.colour = this.fore;
    if (typeof this.back === "string") look.background = this.back;
    return look;
  }
}

/** A colour of the 256: the first 16 follow the theme, the others are what they are. */
function indexed(n) {
  if (n < 16) return n;
  if (n >= 232) {
    const grey = 8 + (Math.min(n, 255) - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const level = (k) => (k ? 55 + k * 40 : 0);
  const m = n - 16;
  return `rgb(${level(Math.floor(m / 36))} ${level(Math.floor(m / 6) % 6)} ${level(m % 6)})`;
}

/**
 * A line as DOM: text nodes and spans.
 * @param {string} raw the line as it was printed
 * @param {Style} style
 * @returns {HTMLDivElement}
 */
export function lineElement(raw, style) {
  const element = document.createElement("div");
  element.className = "log-line";
  for (const piece of colourise(collapse(raw), style)) {
    if (!piece.classes && !piece.colour && !piece.background) {
      element.append(piece.text);
      continue;
    }
    const span = document.createElement("span");
    span.className = piece.classes;
    // A fixed colour was chosen for a black terminal: mixed with the theme's ink it can be read on any background.
    if (piece.colour) span.style.color = `color-mix(in oklab, ${piece.colour} 62%, var(--log-ink))`;
    if (piece.background) span.style.backgroundColor = piece.background;
    span.textContent = piece.text;
    element.append(span);
  }
  if (!element.childNodes.length) element.append("\n"); // an empty line is a line high, and is copied as one
  return element;
}
