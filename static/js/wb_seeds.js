// The seeds pane: runs that differ in their seed only, with mean, spread and interval of one metric, and a test between
// two such groups. The numbers are the server's (GET /api/v1/compare/seeds).
import { make } from "./dom.js";
import { comparisonCard } from "./wb_seeds_test.js";
import { groupList } from "./wb_seeds_list.js";
import { queueMore } from "./wb_seeds_more.js";

const SETTLE_MS = 600;
const VALUES = [["last", "Last"], ["min", "Least"], ["max", "Greatest"]];
const TESTS = [["welch", "Welch’s t"], ["mannwhitney", "Mann–Whitney U"]];

/** Fill the pane; see wb_panes.js. */
export async function mount(host, state) {
  await state.rows.ready();
  const pane = new SeedsPane(host, state);
  return { show: () => pane.load(), hide: () => pane.rest(), stop: () => pane.stop() };
}

class SeedsPane {
  #abort = null;
  #timer = 0;

  constructor(host, state) {
    this.state = state;
    this.host = host;
    this.metric = make("select", { class: "auto", "aria-label": "Metric", onchange: () => state.set({ metric: this.metric.value }) });
    this.values = segmented("Value of the curve", "seeds-value", VALUES, (value) => state.set({ agg: value }));
    this.tests = segmented("Test", "seeds-test", TESTS, (test) => state.set({ test }));
    this.bar = make("div", { class: "bar seeds-bar" }, make("label", { class: "inline" }, "Metric ", this.metric), this.values, this.tests);
    this.said = make("div", { role: "status", class: "seeds-said" });
    this.test = make("div", { class: "slot" });
    this.list = make("div", {});
    this.note = make("p", { class: "small muted" });
    host.replaceChildren(make("div", { class: "stack seeds-pane" }, this.bar, this.said, this.test, this.list, this.note));
    this.offs = [
      state.on(["metric", "agg", "test", "two"], () => !this.host.hidden && this.load()),
      state.rows.on(({ what }) => what !== "sort" && this.#soon()), // also when the filter has another word
    ];
    this.load();
  }

  rest() {
    clearTimeout(this.#timer);
  }

  stop() {
    this.rest();
    this.#abort?.abort();
    this.offs.forEach((off) => off());
  }

  #soon() {
    if (this.host.hidden) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.load(), SETTLE_MS);
  }

  async load() {
    this.rest();
    this.#abort?.abort();
    const { signal } = (this.#abort = new AbortController());
    if (!this.host.dataset.ready) this.said.replaceChildren(make("p", { class: "muted" }, "Computing…"));
    try {
      let response = await this.#ask(this.state.get("two"), signal);
      // a group that was chosen is gone, or both are one by now
      if (response.status === 422 && this.state.get("two").length) response = await this.#ask([], signal);
      const body = await response.json();
      if (!response.ok) this.#broken(body.fields?.q ?? body.detail);
      else this.#draw(body);
    } catch (error) {
      if (!signal.aborted) this.#broken("The server does not answer. Is it still running?");
      if (!signal.aborted && !(error instanceof TypeError)) throw error;
    }
  }

  #ask(two, signal) {
    const { state } = this;
    const { experiment, runs } = state.scope;
    const query = new URLSearchParams({ value: state.get("agg"), test: state.get("test") });
    if (experiment) query.set("experiment", experiment);
    for (const run of runs ?? []) query.append("run", run);
    if (state.get("q").trim()) query.set("q", state.get("q"));
    if (state.get("arch")) query.set("archived", "true");
    if (state.get("metric")) query.set("metric", state.get("metric"));
    if (two.length === 2) [["a", two[0]], ["b", two[1]]].forEach(([name, run]) => query.set(name, run));
    return fetch(`/api/v1/compare/seeds?${query}`, { headers: { Accept: "application/json" }, signal });
  }

  #broken(text) {
    this.said.replaceChildren(make("div", { class: "banner", "data-kind": "error" }, make("p", {}, text)));
    this.host.dataset.ready = "1";
  }

  #draw(body) {
    const { state } = this;
    const tags = Object.keys(body.metrics);
    if (body.metric && !tags.includes(body.metric)) tags.unshift(body.metric);
    this.metric.replaceChildren(...tags.map((tag) => make("option", { value: tag }, tag)));
    this.metric.value = body.metric ?? "";
    this.values.choose(state.get("agg"));
    this.tests.choose(state.get("test"));
    this.bar.hidden = !tags.length;
    const none = !body.groups.length ? "No run matches." : !tags.length ? "No run has logged a metric yet." : "";
    this.said.replaceChildren(...(none ? [make("p", { class: "empty muted" }, none)] : []));
    const more = (group, count) => queueMore(state, group, count);
    this.test.replaceChildren(...comparisonCard(body, more));
    groupList(this.list, body, {
      chosen: state.get("two"),
      choose: (group) => this.#choose(body.groups, group),
      more,
      colour: (id) => state.colour(id),
    });
    const { interval } = body;
    this.note.textContent = `± is the sample standard deviation. Bars are ${Math.round(interval.level * 100)} % intervals: ${interval.name}, ${interval.resamples.toLocaleString("en")} resamples, ${interval.generator}; of few seeds they are too narrow. Runs that have succeeded count, of one seed the newest.`;
    this.host.dataset.ready = "1";
  }

  /** Take a group into the comparison or out of it; a third one replaces the second. */
  #choose(groups, group) {
    const has = (one, run) => one.runs.some(({ id }) => id === run);
    const two = this.state.get("two").filter((run) => groups.some((one) => has(one, run)));
    const left = two.filter((run) => !has(group, run));
    const fresh = left.length < two.length ? left : [...left.slice(0, 1), group.runs.at(-1).id];
    this.state.set({ two: fresh });
  }
}

/** Radio buttons that look like one control. */
function segmented(label, name, choices, changed) {
  const boxes = choices.map(([value]) => make("input", { type: "radio", name, value, class: "visually-hidden", onchange: () => changed(value) }));
  const element = make("div", { class: "segmented", role: "radiogroup", "aria-label": label }, ...choices.map(([, words], at) => make("label", {}, boxes[at], make("span", {}, words))));
  element.choose = (value) => boxes.forEach((box) => (box.checked = box.value === value));
  return element;
}
