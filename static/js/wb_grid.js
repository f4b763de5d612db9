// The virtualised lines of the run table: only what is in sight, and the line with the focus, is in the document.
// Lines are absolutely placed; a run's line stays the same element while it is shown, so focus and pointer stay, too.
import { make } from "./dom.js";
import { fill, fillGroup, fillLead, leadOf } from "./wb_cells.js";
import { numeric } from "./wb_columns.js";
import { own } from "./wb_configuration.js";

export const ROW = 36;
export const LEAD = [66, 240]; // tick and eye; name
const OVERSCAN = 8;

const NARROW = matchMedia("(width < 720px)");

/** Width of the name's column in px. */
export function nameWidth(widths) {
  return widths.name ?? (NARROW.matches ? 150 : LEAD[1]);
}

/** Width of a column in px; means with their spread need more room than values. */
export function widthOf(one, widths, grouped = false) {
  const chosen = own(widths, one.name);
  if (grouped && !chosen && ["param", "metric", "duration", "state"].includes(one.kind)) return one.kind === "state" ? 240 : 158;
  return chosen ?? { state: 176, progress: 160, tags: 150, time: 96, duration: 104, param: 98, metric: 98 }[one.kind] ?? 110;
}

/** Where each pinned column begins, in px: [tick, name, …pinned]. */
export function lefts(columns, pinned, widths, grouped) {
  const found = [0, LEAD[0]];
  let at = LEAD[0] + nameWidth(widths);
  for (const one of columns) {
    if (!pinned.has(one.name)) break;
    found.push(at);
    at += widthOf(one, widths, grouped);
  }
  return found;
}

/**
 * The body of the table.
 * `owner`: {state, may, ticked, hidden, active: {at, stop}, focusActive()}
 */
export class Grid {
  lines = [];
  spare = [];
  columns = [];
  #made = new Map(); // line's key → its parts
  #frame = 0;

  constructor(owner, scroll, table, body) {
    Object.assign(this, { owner, scroll, table, body });
    scroll.addEventListener("scroll", () => this.drawSoon(), { passive: true });
    this.sizes = new ResizeObserver(() => {
      this.height = scroll.clientHeight;
      this.drawSoon();
    });
    this.sizes.observe(scroll);
  }

  /** Show these columns; every line is made anew. */
  setColumns(columns, pinned, widths, grouped) {
    const shape = columns.map((one) => one.name).join("\n");
    this.widths = widths;
    this.grouped = grouped;
    const template = [LEAD[0], nameWidth(widths), ...columns.map((one) => widthOf(one, widths, grouped))];
    this.table.style.setProperty("--wt-cols", template.map((width) => `${width}px`).join(" "));
    this.table.style.inlineSize = `max(100%, ${template.reduce((a, b) => a + b)}px)`;
    this.lefts = lefts(columns, pinned, widths, grouped);
    const anew = shape !== this.shape || pinned.size !== this.pinned?.size;
    this.columns = columns;
    this.pinned = pinned;
    this.shape = shape;
    this.table.setAttribute("aria-colcount", columns.length + 2);
    if (anew) this.#clear();
    else for (const made of this.#made.values()) this.#stick(made.element);
    this.drawSoon();
  }

  /** Show these lines; what is in sight stays where it is. */
  setLines(lines) {
    this.lines = lines;
    this.at = new Map(lines.map((line, place) => [keyOf(line), place]));
    this.body.style.blockSize = `${Math.max(1, lines.length) * ROW}px`;
    this.table.setAttribute("aria-rowcount", lines.length + 1);
    this.draw();
  }

  /** Write these runs' lines anew, and the groups' that they are in. */
  refresh(ids) {
    const all = ids.length > this.#made.size;
    for (const [key, made] of this.#made) {
      if (all || typeof key === "string" || ids.includes(key)) this.#write(made);
    }
  }

  drawSoon() {
    this.#frame ||= requestAnimationFrame(() => this.draw());
  }

  /** Put what is in sight into the document. */
  draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const height = this.height || 600; // asked for here it would lay out the whole page once more
    const { scrollTop } = this.scroll;
    const first = Math.max(0, Math.floor(scrollTop / ROW) - OVERSCAN);
    const last = Math.min(this.lines.length, Math.ceil((scrollTop + height) / ROW) + OVERSCAN);
    const wanted = new Set();
    const held = this.owner.active.at;
    for (let place = first; place < last; place++) wanted.add(place);
    if (held >= 0 && held < this.lines.length && this.body.contains(document.activeElement)) wanted.add(held);
    const keys = new Set([...wanted].map((place) => keyOf(this.lines[place])));
    const spare = []; // lines out of sight become those that come into it
    for (const [key, made] of this.#made) {
      if (keys.has(key)) continue;
      this.#made.delete(key);
      if (made.lead && !made.element.contains(document.activeElement)) spare.push(made);
      else made.element.remove();
    }
    // in the order of the document: where all lines are others, none has to be moved
    this.spare = spare.sort((a, b) => (a.element.compareDocumentPosition(b.element) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
    let before = null;
    for (const place of [...wanted].sort((a, b) => b - a)) before = this.#place(place, before);
    for (const { element } of spare) element.remove();
    this.spare = [];
  }

  /** The element of a line, scrolled into sight. */
  reveal(place) {
    const top = place * ROW;
    const view = this.scroll.clientHeight - ROW; // under the head
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    else if (top + ROW > this.scroll.scrollTop + view) this.scroll.scrollTop = top + ROW - view;
    this.draw();
    return this.#made.get(keyOf(this.lines[place]))?.element ?? null;
  }

  /** The line that an element is in: {line, place}, or null. */
  lineOf(element) {
    const row = element.closest?.("tr[data-key]");
    if (!row || !this.body.contains(row)) return null;
    const key = row.dataset.group === undefined ? Number(row.dataset.key) : `=${row.dataset.group}`;
    const place = this.at.get(key);
    return place === undefined ? null : { line: this.lines[place], place };
  }

  stop() {
    this.sizes.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  #clear() {
    const focused = this.body.contains(document.activeElement);
    for (const { element } of this.#made.values()) element.remove();
    this.#made.clear();
    if (focused) {
      this.draw();
      this.owner.focusActive();
    }
  }

  /** The line at a place, made if needed, in the document's order. */
  #place(place, before) {
    const line = this.lines[place];
    const key = keyOf(line);
    let made = this.#made.get(key);
    if (!made) {
      made = line.group !== undefined ? this.#group(line) : (this.spare.pop() ?? this.#run());
      this.#made.set(key, made);
      made.line = line;
      this.#write(made);
      if (made.element.parentNode !== this.body || made.element.nextSibling !== before) this.body.insertBefore(made.element, before);
    } else if (made.element.nextSibling !== before && !made.element.contains(document.activeElement)) {
      this.body.insertBefore(made.element, before);
    }
    if (made.line !== line) {
      made.line = line;
      this.#write(made);
    }
    const top = `translateY(${place * ROW}px)`;
    if (made.element.style.transform !== top) made.element.style.transform = top;
    made.element.setAttribute("aria-rowindex", place + 2);
    return made.element;
  }

  #run() {
    const lead = leadOf();
    const cells = this.columns.map((one) => this.#cell(one));
    const element = make("tr", { role: "row" }, lead.tick, lead.name, ...cells);
    this.#stick(element);
    return { element, lead, cells };
  }

  #group({ group }) {
    const box = make("input", { type: "checkbox", tabIndex: -1, "data-act": "tick-group" });
    const opener = make("button", { class: "wt-opener", type: "button", tabIndex: -1, "data-act": "open" });
    const cells = this.columns.map((one) => this.#cell(one));
    const element = make("tr", { role: "row", class: "wt-group", "data-key": `=${group}`, "data-group": group },
      make("td", { role: "gridcell", class: "wt-tick" }, box), make("th", { role: "rowheader", scope: "row", class: "wt-name" }, opener), ...cells);
    this.#stick(element);
    return { element, box, opener, cells };
  }

  #cell(one) {
    return make("td", { role: "gridcell", class: `wt-cell wt-${one.kind}${numeric(one) ? " num" : ""}`, tabIndex: -1 });
  }

  /** Keep the pinned cells at the left. */
  #stick(element) {
    this.lefts.forEach((left, place) => {
      element.children[place].style.insetInlineStart = `${left}px`;
      element.children[place].classList.add("wt-pinned");
      element.children[place].classList.toggle("wt-edge", place === this.lefts.length - 1);
    });
  }

  #write(made) {
    const { line, element } = made;
    const { state, may } = this.owner;
    if (line.group !== undefined) return this.#writeGroup(made);
    const row = state.rows.get(line.id);
    if (!row) return undefined;
    if (element.dataset.key !== String(line.id)) {
      element.dataset.key = line.id;
      element.id = `run-${line.id}`;
    }
    const ticked = this.owner.ticked.has(line.id);
    const hidden = this.owner.hidden.has(line.id);
    const base = state.get("base") === line.id;
    fillLead(made.lead, row, { ticked, hidden, look: state.colour(line.id), base });
    element.setAttribute("aria-selected", String(ticked));
    element.classList.toggle("wt-hidden", hidden);
    element.dataset.state = row.state;
    if (line.level) element.setAttribute("aria-level", line.level);
    else element.removeAttribute("aria-level");
    this.columns.forEach((one, place) => fill(made.cells[place], one, row, { may }));
    return undefined;
  }

  #writeGroup({ line, element, box, opener, cells }) {
    const rows = line.ids.map((id) => this.owner.state.rows.get(id)).filter(Boolean);
    const ticked = line.ids.filter((id) => this.owner.ticked.has(id)).length;
    box.checked = ticked === line.ids.length;
    box.indeterminate = ticked > 0 && !box.checked;
    box.setAttribute("aria-label", `Select the ${line.ids.length} runs of ${line.label}`);
    element.setAttribute("aria-expanded", String(line.open));
    element.setAttribute("aria-level", "1");
    opener.setAttribute("aria-expanded", String(line.open));
    opener.replaceChildren(make("b", { title: line.label }, line.label), make("span", { class: "count" }, String(line.ids.length)), make("span", { class: "visually-hidden" }, " runs"));
    this.columns.forEach((one, place) => fillGroup(cells[place], one, rows));
  }
}

/** What tells a line from the others. */
export function keyOf(line) {
  return line.group === undefined ? line.id : `=${line.group}`;
}
