// The filter of the run table: a box with completion that shows where a query cannot be read, and how many runs it finds.
import { make } from "./dom.js";

const ASK_MS = 90;
let made = 0;

export class FilterBox {
  #timer = 0;
  #turn = 0;
  #span = null; // of the piece that a suggestion takes the place of

  constructor(state, experiment) {
    this.state = state;
    this.experiment = experiment;
    const id = `wt-filter-${++made}`;
    this.input = make("input", {
      type: "text", class: "wt-q", id, role: "combobox", autocomplete: "off", spellcheck: false, maxLength: 500,
      placeholder: "Filter: state:running lr<0.01 val_acc>0.9 tag:baseline", "aria-label": "Filter runs", "aria-autocomplete": "list", "aria-expanded": "false",
      "aria-controls": `${id}-list`, "aria-describedby": `${id}-error`,
      oninput: () => this.#typed(), onkeydown: (event) => this.#key(event), onclick: () => this.#askSoon(), onfocus: () => this.#askSoon(),
      onblur: () => this.#close(),
    });
    this.input.setAttribute("autocapitalize", "off");
    this.list = make("ul", { class: "wt-list", role: "listbox", id: `${id}-list`, "aria-label": "Suggestions", hidden: true, onpointerdown: (event) => this.#pick(event) });
    this.count = make("span", { class: "wt-count muted small", role: "status" });
    this.clear = make("button", { class: "btn ghost icon small", type: "button", "aria-label": "Clear the filter", hidden: true, onclick: () => this.set("") }, "×");
    this.error = make("p", { class: "field-error wt-error", id: `${id}-error`, hidden: true });
    this.element = make("div", { class: "wt-filter", role: "search", "aria-label": "Filter runs" }, this.input, this.count, this.clear, this.list, this.error);
    state.on("q", () => this.#follow());
    this.#follow();
  }

  /** Write a filter into the box, and go. */
  set(q) {
    this.state.set({ q });
    this.state.rows.filter();
    this.input.focus();
  }

  /** Show what became of the filter. */
  refresh() {
    const { rows } = this.state;
    const { problem } = rows;
    this.error.hidden = !problem;
    if (problem) this.input.setAttribute("aria-invalid", "true");
    else this.input.removeAttribute("aria-invalid");
    this.#explain(problem);
    const q = this.state.get("q");
    this.clear.hidden = !q;
    const all = rows.all.size;
    const brushed = rows.ids.length !== rows.unbrushed.length; // in the pane of params, which may be out of sight
    const text = rows.phase !== "ready" ? "" : q.trim() || brushed ? `${rows.ids.length.toLocaleString("en")} of ${all.toLocaleString("en")}${brushed ? ", brushed" : ""}` : `${all.toLocaleString("en")} run${all === 1 ? "" : "s"}`;
    if (this.count.textContent !== text) this.count.textContent = text;
  }

  /** The query up to the place, and the wrong piece marked. */
  #explain(problem) {
    if (!problem) return this.error.replaceChildren();
    const typed = [...this.state.get("q")];
    const at = problem.position ?? 0;
    let end = at + 1;
    while (end < typed.length && !/[\s()]/.test(typed[end])) end += 1;
    const before = typed.slice(Math.max(0, at - 24), at).join("");
    const where = make("code", { class: "wt-where", "aria-hidden": "true" }, (at > 24 ? "…" : "") + before, make("mark", {}, typed.slice(at, end).join("") || " "));
    return this.error.replaceChildren(make("span", {}, problem.message), where);
  }

  #follow() {
    const q = this.state.get("q");
    if (this.input.value !== q) this.input.value = q;
    this.clear.hidden = !q;
  }

  #typed() {
    this.state.set({ q: this.input.value });
    this.#askSoon();
  }

  // suggestions

  #askSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), ASK_MS);
  }

  async #ask() {
    const turn = ++this.#turn;
    const q = this.input.value;
    const at = [...q.slice(0, this.input.selectionStart)].length; // characters, as the server counts
    const query = new URLSearchParams({ q, at });
    if (this.experiment) query.set("experiment", this.experiment);
    let answer;
    try {
      const response = await fetch(`/api/v1/query/complete?${query}`, { headers: { Accept: "application/json" } });
      if (!response.ok) return;
      answer = await response.json();
    } catch {
      return; // suggestions are a help, not a need
    }
    if (turn !== this.#turn || document.activeElement !== this.input) return;
    const piece = [...q].slice(answer.start, answer.end).join("");
    const items = answer.items.filter((item) => item.text !== piece);
    this.#span = [answer.start, answer.end];
    if (!items.length || (!piece && !q)) return this.#close();
    this.list.replaceChildren(...items.map((item, place) => make("li", { role: "option", id: `${this.input.id}-${place}`, "data-text": item.text, "aria-selected": "false" },
      make("span", {}, item.label), make("span", { class: "muted small" }, item.kind === "value" ? item.detail : item.detail || item.kind))));
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    return undefined;
  }

  #close() {
    this.#turn += 1;
    clearTimeout(this.#timer);
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  get #chosen() {
    return this.list.hidden ? null : this.list.querySelector('[aria-selected="true"]');
  }

  #choose(step) {
    const all = [...this.list.children];
    const at = all.indexOf(this.#chosen);
    all[at]?.setAttribute("aria-selected", "false");
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length];
    next.setAttribute("aria-selected", "true");
    next.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", next.id);
  }

  #take(text) {
    const typed = [...this.input.value];
    const [start, end] = this.#span;
    const rest = typed.slice(end).join("");
    const ends = !/[:<>=]$/.test(text) && !rest ? " " : "";
    const before = typed.slice(0, start).join("") + text + ends;
    this.input.value = before + rest;
    this.input.setSelectionRange(before.length, before.length);
    this.#close();
    this.#typed();
  }

  #pick(event) {
    event.preventDefault(); // the box keeps the focus
    const item = event.target.closest("[role=option]");
    if (item) this.#take(item.dataset.text);
  }

  #key(event) {
    const open = !this.list.hidden;
    if (event.key === "ArrowDown" && !open) this.#ask();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.#choose(event.key === "ArrowDown" ? 1 : -1);
    else if ((event.key === "Enter" || event.key === "Tab") && this.#chosen) this.#take(this.#chosen.dataset.text);
    else if (event.key === "Enter") {
      this.#close();
      this.state.rows.filter();
    } else if (event.key === "Escape" && open) this.#close();
    else if (event.key === "Escape" && this.input.value) this.set("");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
