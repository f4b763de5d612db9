// A pen that writes SVG: what the charts use of a canvas' 2D context, as vectors.

const escape = (text) => String(text).replace(/[&<>"]/g, (char) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[char]);
const round = (value) => Math.round(value * 100) / 100;

/** Draws like a CanvasRenderingContext2D; `text()` is the picture. */
export class SvgPen {
  strokeStyle = "#000";
  fillStyle = "#000";
  lineWidth = 1;
  lineJoin = "round";
  globalAlpha = 1;
  font = "11px sans-serif";
  textAlign = "left";
  textBaseline = "alphabetic";

  #parts = [];
  #path = "";
  #dash = [];
  #stack = [];
  #clips = 0;
  #open = 0;
  #moved = 0;

  /** @param {number} width pixels @param {number} height */
  constructor(width, height) {
    this.width = width;
    this.height = height;
  }

  beginPath() {
    this.#path = "";
  }

  moveTo(x, y) {
    this.#path += `M${round(x)} ${round(y)}`;
  }

  lineTo(x, y) {
    this.#path += `L${round(x)} ${round(y)}`;
  }

  closePath() {
    this.#path += "Z";
  }

  rect(x, y, width, height) {
    this.#path += `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}Z`;
  }

  /** A whole circle; the charts draw no other arcs. */
  arc(x, y, radius) {
    this.#path += `M${round(x - radius)} ${round(y)}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0Z`;
  }

  setLineDash(dash) {
    this.#dash = dash;
  }

  stroke() {
    if (!this.#path) return;
    const dash = this.#dash.length ? ` stroke-dasharray="${this.#dash.join(" ")}"` : "";
    this.#parts.push(`<path d="${this.#path}" fill="none" stroke="${escape(this.strokeStyle)}" stroke-width="${this.lineWidth}" stroke-linejoin="round"${dash}${this.#alpha()}/>`);
  }

  fill() {
    if (this.#path) this.#parts.push(`<path d="${this.#path}" fill="${escape(this.fillStyle)}"${this.#alpha()}/>`);
  }

  fillRect(x, y, width, height) {
    this.#parts.push(`<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${escape(this.fillStyle)}"${this.#alpha()}/>`);
  }

  fillText(text, x, y) {
    const anchor = { left: "start", right: "end", center: "middle" }[this.textAlign];
    const line = { middle: "central", top: "hanging", alphabetic: "auto" }[this.textBaseline];
    const [, weight, size, family] = /^(?:(\d+) )?([\d.]+px) (.*)$/.exec(this.font);
    this.#parts.push(`<text x="${round(x)}" y="${round(y)}" fill="${escape(this.fillStyle)}" font-family="${escape(family)}" font-size="${size}"${weight ? ` font-weight="${weight}"` : ""} text-anchor="${anchor}" dominant-baseline="${line}">${escape(text)}</text>`);
  }

  /** Everything from here on is moved. */
  translate(x, y) {
    this.#parts.push(`<g transform="translate(${round(x)} ${round(y)})">`);
    this.#moved += 1;
  }

  save() {
    this.#stack.push({ strokeStyle: this.strokeStyle, fillStyle: this.fillStyle, lineWidth: this.lineWidth, globalAlpha: this.globalAlpha, dash: this.#dash, open: this.#open });
  }

  restore() {
    const { dash, open, ...rest } = this.#stack.pop();
    while (this.#open > open) {
      this.#parts.push("</g>");
      this.#open -= 1;
    }
    this.#dash = dash;
    Object.assign(this, rest);
  }

  clip() {
    const id = `plot-${(this.#clips += 1)}`;
    this.#parts.push(`<clipPath id="${id}"><path d="${this.#path}"/></clipPath><g clip-path="url(#${id})">`);
    this.#open += 1;
  }

  #alpha() {
    return this.globalAlpha < 1 ? ` opacity="${this.globalAlpha}"` : "";
  }

  /** The file. @param {string} title */
  text(title) {
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}" role="img"><title>${escape(title)}</title>${this.#parts.join("")}${"</g>".repeat(this.#moved)}</svg>\n`;
  }
}
