// What the chosen metric depends on: the share of each param in a random forest, and its rank correlation.
import { number } from "./chart_format.js";
import { make } from "./dom.js";

const SETTLE_MS = 350;
const LIVE_MS = 10_000; // between two questions while runs train
const MOST_RUNS = 1000;

export class ImportanceCard {
  #abort = new AbortController();

  constructor(board) {
    this.board = board;
    this.state = board.state;
    this.head = make("span", { class: "muted small", role: "status" });
    this.notes = make("ul", { class: "by-notes small", hidden: true });
    this.body = make("tbody");
    this.table = make("div", { class: "table-wrap by-importance", tabIndex: 0, role: "region", "aria-label": "Importance of params", hidden: true }, make("table", { class: "table" },
      make("thead", {}, make("tr", {}, ...[["Param", ""], ["Importance", "by-wide-column"], ["Correlation", "by-wide-column"], ["Runs", "num"]].map(([text, name]) => make("th", { scope: "col", class: name }, text)))),
      this.body));
    this.element = make("section", { class: "card", "aria-label": "Importance" },
      make("div", { class: "card-head" }, make("h2", {}, "Importance"), this.head), this.notes, this.table,
      make("p", { class: "by-hint muted small" }, "Importance: share of what a random forest explains of the metric's order, ± its spread over the trees. Correlation: Spearman's, of values that have an order."));
  }

  draw() {
    const asked = this.#question();
    const about = `${asked} ${[...this.board.ids.keys()].length}`;
    if (asked === this.asked && about === this.about && !this.#stale()) return;
    this.about = about;
    clearTimeout(this.timer);
    const wait = asked === this.asked ? Math.max(SETTLE_MS, (this.answered ?? 0) + LIVE_MS - performance.now()) : SETTLE_MS;
    this.timer = setTimeout(() => this.#ask(), this.answered === undefined ? 0 : wait);
  }

  stop() {
    clearTimeout(this.timer);
    this.#abort.abort();
  }

  /** Has a value of the metric changed since the last answer? */
  #stale() {
    const now = this.#mark();
    const stale = now !== this.mark;
    this.mark = now;
    return stale;
  }

  #mark() {
    let sum = 0;
    for (const row of this.board.rows) sum += row.metrics[this.board.tag]?.[this.state.get("agg")] ?? 0;
    return sum;
  }

  #question() {
    const { state, board } = this;
    const { experiment } = state.scope;
    const query = new URLSearchParams({ metric: board.tag, summary: state.get("agg"), goal: board.goalNow });
    const few = board.ids.size && board.ids.size <= MOST_RUNS && (Object.keys(state.get("br")).length || state.get("arch") || !experiment);
    if (few) for (const id of [...board.ids.keys()].sort((a, b) => a - b)) query.append("run", id);
    else if (experiment) query.set("experiment", experiment);
    if (!few && state.get("q")) query.set("q", state.get("q"));
    return query.toString();
  }

  async #ask() {
    this.asked = this.#question();
    this.mark = this.#mark();
    this.answered = performance.now(); // a question that is on its way is not given up for every new value
    if (!this.board.tag) return this.#say(null, "These runs have no metric yet.");
    this.#abort.abort();
    this.#abort = new AbortController();
    this.head.textContent = "weighing…";
    try {
      const response = await fetch(`/api/v1/compare/importance?${this.asked}`, { headers: { Accept: "application/json" }, signal: this.#abort.signal });
      const answer = await response.json();
      this.answered = performance.now();
      if (response.ok) this.#say(answer);
      else this.#say(null, answer.detail ?? "The server could not weigh these runs.");
    } catch (error) {
      if (error.name !== "AbortError") this.#say(null, "The server does not answer; it is asked again when something changes.");
    }
    return undefined;
  }

  #say(answer, problem) {
    this.answer = answer;
    this.head.textContent = answer ? `${answer.n} run${answer.n === 1 ? "" : "s"}${answer.score === null ? "" : ` · R² ${number(Math.round(answer.score * 100) / 100)} on unseen runs`}` : "";
    const notes = problem ? [problem] : answer.caveats;
    this.notes.replaceChildren(...notes.map((text) => make("li", {}, text)));
    this.notes.hidden = !notes.length;
    this.table.hidden = !answer?.items.length;
    this.body.replaceChildren(...(answer?.items ?? []).map((item) => this.#row(item, answer)));
    this.element.dataset.ready = "1";
  }

  #row(item, answer) {
    const share = Math.round(item.importance * 100);
    const spread = Math.round(item.spread * 100);
    const show = () => this.state.set({ sx: `params.${item.param}`, sy: this.board.column });
    return make("tr", {},
      make("th", { scope: "row" }, make("button", { type: "button", class: "link", title: `Scatter of ${answer.metric} over ${item.param}`, onclick: show }, make("bdi", {}, item.param))),
      make("td", {}, make("span", { class: "by-measure" }, meter(item.importance), make("span", { class: "mono" }, `${share} %`), make("span", { class: "muted" }, `± ${spread}`))),
      make("td", {}, item.spearman === null ? make("span", { class: "muted" }, item.kind === "category" ? "a category" : "—") : make("span", { class: "by-measure", title: item.p === null ? "" : `p = ${number(item.p)}, not corrected for ${answer.items.length} params` }, leaning(item.spearman), make("span", { class: "mono" }, signed(item.spearman)), make("span", { class: "muted" }, item.better ? `${item.better} is better` : ""))),
      make("td", { class: "num mono" }, String(item.n)));
  }
}

function meter(part) {
  const fill = make("span", { class: "by-fill" });
  fill.style.inlineSize = `${part * 100}%`;
  return make("span", { class: "by-bar", "aria-hidden": "true" }, fill);
}

function leaning(rho) {
  const fill = make("span", { class: `by-fill ${rho < 0 ? "is-down" : "is-up"}` });
  fill.style.inlineSize = `${Math.abs(rho) * 50}%`;
  fill.style.insetInlineStart = `${rho < 0 ? 50 - Math.abs(rho) * 50 : 50}%`;
  return make("span", { class: "by-bar is-middle", "aria-hidden": "true" }, fill);
}

function signed(value) {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}
