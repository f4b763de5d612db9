// Colours and flags as escape sequences set them, and coloured pieces in the page. Nothing here makes HTML: pieces become
// text nodes.

/** @typedef {{classes: string, colour?: string, background?: string}} Look */
/** @typedef {{text: string, look: Look}} Piece */

const FLAGS = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike", 21: "underline" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };

/** How text looks that nobody coloured. */
export const PLAIN = Object.freeze({ classes: "" });

/** The state of SGR: colours and flags. */
export class Style {
  constructor() {
    this.#reset();
  }

  #reset() {
    this.flags = new Set();
    this.fore = null;
    this.back = null;
  }

  /** @param {string} codes what stood between ESC [ and m */
  apply(codes) {
    const list = codes.split(";");
    for (let i = 0; i < list.length; i++) {
      if (list[i].includes(":")) this.#parts(list[i].split(":").map(Number));
      else i += this.#code(Number(list[i]) || 0, list, i);
    }
  }

  /** One code with what it needs behind it. @returns {number} how many others it took */
  #code(code, list, at) {
    if (code === 0) this.#reset();
    else if (FLAGS[code]) this.flags.add(FLAGS[code]);
    else if (OFF[code]) for (const flag of OFF[code]) this.flags.delete(flag);
    else if (code >= 30 && code <= 37) this.fore = code - 30;
    else if (code >= 90 && code <= 97) this.fore = code - 90 + 8;
    else if (code === 39) this.fore = null;
    else if (code >= 40 && code <= 47) this.back = code - 40;
    else if (code >= 100 && code <= 107) this.back = code - 100 + 8;
    else if (code === 49) this.back = null;
    else if (code === 38 || code === 48) {
      const count = { 2: 4, 5: 2 }[list[at + 1]] ?? 1;
      this.#colour(code, Number(list[at + 1]), list.slice(at + 2, at + 1 + count).map(Number));
      return count;
    }
    return 0;
  }

  /** A code with its parts behind colons: 38:2::r:g:b has a place for a colour space, which everybody leaves empty. */
  #parts(parts) {
    const [code, kind] = parts;
    if (code === 38 || code === 48) this.#colour(code, kind, kind === 2 ? parts.slice(-3) : parts.slice(2));
    else if (code === 4) this.flags[kind ? "add" : "delete"]("underline");
  }

  #colour(code, kind, values) {
    const byte = (value) => Math.max(0, Math.min(255, Math.floor(value) || 0));
    let colour;
    if (kind === 5) colour = indexed(byte(values[0]));
    else if (kind === 2) colour = `rgb(${[0, 1, 2].map((k) => byte(values[k])).join(" ")})`;
    else return;
    if (code === 38) this.fore = colour;
    else this.back = colour;
  }

  /** @returns {Look} */
  look() {
    if (!this.flags.size && this.fore === null && this.back === null) return PLAIN;
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
    const grey = 8 + (n - 232) * 10;
    return `rgb(${grey} ${grey} ${grey})`;
  }
  const level = (k) => (k ? 55 + k * 40 : 0);
  const m = n - 16;
  return `rgb(${level(Math.floor(m / 36))} ${level(Math.floor(m / 6) % 6)} ${level(m % 6)})`;
}

/**
 * Show pieces in a line: text nodes and spans.
 * @param {HTMLElement} element
 * @param {Piece[]} pieces
 */
export function paint(element, pieces) {
  element.replaceChildren(...pieces.map(({ text, look }) => (look === PLAIN ? text : coloured(text, look))));
  if (!element.childNodes.length) element.append("\n"); // an empty line is a line high, and is copied as one
}

function coloured(text, look) {
  const span = document.createElement("span");
  span.className = look.classes;
  // A fixed colour was chosen for a black terminal: mixed with the theme's ink it can be read on any background.
  if (look.colour) span.style.color = `color-mix(in oklab, ${look.colour} 62%, var(--log-ink))`;
  if (look.background) span.style.backgroundColor = look.background;
  span.textContent = text;
  return span;
}
