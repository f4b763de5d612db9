// The pane of hyper-parameters: parallel coordinates, a scatter, and what the chosen metric depends on.
import { make } from "./dom.js";
import { likelyGoal, metricTags } from "./wb_axes.js";
import { metricColumn } from "./wb_columns.js";
import { ImportanceCard } from "./wb_params_importance.js";
import { ParallelCard } from "./wb_params_parallel.js";
import { ScatterCard } from "./wb_params_scatter.js";

const KEYS = ["metric", "agg", "goal", "pc", "br", "sx", "sy", "sc", "flip", "sel", "hide"];

/** Fill the pane; see wb_panes.js. */
export async function mount(host, state) {
  await state.rows.ready();
  const board = new Params(state);
  host.board = board;
  host.replaceChildren(board.element);
  board.show();
  return board;
}

/** What the three cards share: the rows, the metric and its colours. */
class Params {
  constructor(state) {
    this.state = state;
    this.metric = make("select", { class: "auto", "aria-label": "Metric", onchange: () => state.set({ metric: this.metric.value, goal: "auto" }) });
    this.agg = make("select", { class: "auto", "aria-label": "Which value of the metric", onchange: () => state.set({ agg: this.agg.value }) },
      ...[["last", "last value"], ["min", "smallest"], ["max", "largest"]].map(([value, text]) => make("option", { value }, text)));
    this.goal = make("select", { class: "auto", "aria-label": "Which end of the metric is better", onchange: () => state.set({ goal: this.goal.value }) },
      ...[["min", "lower is better"], ["max", "higher is better"]].map(([value, text]) => make("option", { value }, text)));
    this.words = make("p", { class: "muted small", role: "status" });
    this.clear = make("button", { class: "btn small", type: "button", onclick: () => state.set({ br: {} }) }, "Clear brushes");
    this.cards = [new ParallelCard(this), new ScatterCard(this), new ImportanceCard(this)];
    const bar = make("div", { class: "island-bar", role: "group", "aria-label": "Parameters" },
      make("span", { class: "muted small", "aria-hidden": "true" }, "Metric"), this.metric, this.agg, this.goal, make("span", { class: "island-space" }), this.words, this.clear);
    this.empty = make("div", { class: "curve-message", hidden: true }, make("strong", {}, "No runs to show"), make("span", {}, "The filter of the table finds none; clear it to see how params and metrics go together."));
    this.body = make("div", { class: "stack" }, this.cards[0].element, make("div", { class: "by-two" }, this.cards[1].element, this.cards[2].element));
    this.element = make("div", { class: "stack by-params" }, bar, this.empty, this.body);
  }

  /** Name of the chosen metric's column; "" when there is none. */
  get column() {
    return this.tag ? metricColumn(this.tag, this.state.get("agg")) : "";
  }

  /** Ids inside of the brushes, as a set. */
  get ids() {
    return this.state.rows.places;
  }

  show() {
    if (this.offs) return;
    this.offs = [this.state.on(KEYS, () => this.#soon()), this.state.rows.on(() => this.#soon())];
    this.observer = new ResizeObserver(() => this.#soon());
    this.observer.observe(this.element);
    this.abort = new AbortController();
    const { signal } = this.abort;
    document.body.addEventListener("danlu:theme", () => this.#soon(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#soon(), { signal });
    this.draw();
  }

  hide() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    for (const off of this.offs ?? []) off();
    this.offs = null;
    this.observer?.disconnect();
    this.abort?.abort();
  }

  stop() {
    this.hide();
    for (const card of this.cards) card.stop?.();
  }

  #soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const { state } = this;
    this.rows = state.rows.unbrushed.map((id) => state.rows.get(id));
    this.#choices();
    this.goalNow = state.get("goal") === "auto" ? likelyGoal(this.tag) : state.get("goal");
    this.agg.value = state.get("agg");
    this.goal.value = this.goalNow;
    const brushes = Object.keys(state.get("br")).length;
    this.clear.hidden = !brushes;
    const shown = brushes ? `${this.ids.size} of ${this.rows.length} runs are inside the brushes` : `${this.rows.length} run${this.rows.length === 1 ? "" : "s"}`;
    if (this.words.textContent !== shown) this.words.textContent = shown;
    this.empty.hidden = this.rows.length > 0;
    this.body.hidden = this.rows.length === 0;
    if (this.rows.length) for (const card of this.cards) card.draw();
    this.element.dataset.ready = "1";
  }

  #choices() {
    const tags = metricTags(this.rows);
    const asked = this.state.get("metric");
    if (asked && !tags.includes(asked)) tags.push(asked); // of a link: it is not there (yet)
    this.tag = asked || tags[0] || "";
    if (this.known !== tags.join("\n")) {
      this.known = tags.join("\n");
      this.metric.replaceChildren(...(tags.length ? tags : [""]).map((tag) => make("option", { value: tag }, tag || "no metric yet")));
    }
    this.metric.value = this.tag;
  }
}
