// The runs of the charts: which are drawn, what they are called, how they look, which form groups, which still grow.
import { column, plain } from "./wb_columns.js";
import { isSeed } from "./wb_configuration.js";
import { groupsOf } from "./wb_groups.js";
import { looksOfGroups, looksOfRuns } from "./wb_looks.js";

const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const GROWING_MS = 20_000; // after its last point a curve is taken to have stopped
const MOST_DIFFER = 3;
const NAMED = 24; // characters of a param's value in a label

/** `host` is the <danlu-curves>, `state` the workbench's. */
export class Runs {
  drawn = [];
  /** Means are drawn: [{key, label, runs}]; null: each run by itself. */
  groups = null;
  /** Another number whenever a line may look different. */
  version = 0;

  #looks = null; // of what is drawn, by key
  #labels = new Map();
  #print = "";
  #states = new Map();
  #names = new Map();
  #heardAt = -Infinity;
  #differ = [];

  constructor(host, state) {
    this.host = host;
    this.state = state;
    this.given = JSON.parse(host.getAttribute("labels") ?? "{}");
  }

  /** The runs that the element's attribute names. */
  named() {
    return (this.host.getAttribute("run") ?? this.host.getAttribute("runs") ?? "").split(",").map(Number).filter((run) => run > 0);
  }

  /** Draw these. */
  show(runs) {
    this.drawn = [...runs];
    // a run that has ended gets no points any more: to follow others, too, the stream would be opened anew with every tick
    const topics = this.drawn.filter((run) => !ENDED.has(this.#row(run)?.state)).map((run) => `metrics:${run}`).join(",");
    if (this.host.dataset.topics !== topics) this.host.dataset.topics = topics;
    this.#rename();
    this.regroup();
  }

  /** Names, params or colours are others. */
  changed() {
    this.#rename();
    this.regroup();
  }

  #row(run) {
    return this.state.rows.get(run);
  }

  #rename() {
    this.#labels.clear();
    this.#looks = null;
    const rows = this.drawn.map((run) => this.#row(run)).filter(Boolean);
    const keys = [...new Set(rows.flatMap((row) => Object.keys(row.params)))];
    const values = (key) => new Set(rows.map((row) => Object.hasOwn(row.params, key) && JSON.stringify(row.params[key])));
    this.#differ = rows.length > 1 ? keys.filter((key) => values(key).size > 1) : [];
  }

  /** Put runs together that are alike in the column that the state names. */
  regroup() {
    this.#looks = null;
    this.#labels.clear();
    this.groups = this.#grouped(this.state.get("group"));
    // rows change with every point of a running run; only what lines look like has them all drawn anew
    const print = JSON.stringify([this.groups, (this.groups?.map(({ key }) => key) ?? this.drawn).map((key) => this.look(key))]);
    if (print !== this.#print) this.version += 1;
    this.#print = print;
  }

  #grouped(name) {
    if (!name || this.drawn.length < 2) return null;
    const before = name === "configuration" ? "" : `${column(name).title} `;
    return groupsOf(this.drawn, (run) => this.#row(run), name).map(({ key, label, ids }) => ({ key: `${name} ${key}`, label: before + label, runs: ids }));
  }

  /** Columns that put some of these runs together, but not all of them: [name]. */
  groupable() {
    const rows = this.drawn.map((run) => this.#row(run)).filter(Boolean);
    if (rows.length < 2) return [];
    const names = ["configuration", ...this.#differ.filter((key) => !isSeed(key)).map((key) => `params.${key}`), "recipe", "entrypoint", "owner", "experiment", "device"];
    return names.filter((name) => {
      const by = column(name);
      const count = new Set(rows.map((row) => plain(by.value(row) ?? null))).size;
      return count < rows.length && (count > 1 || name === "configuration");
    });
  }

  /** How a run or a group is drawn: {colour: 0..9, dash: 0..2}. */
  look(key) {
    const colourOf = (run) => this.state.colour(run).colour;
    this.#looks ??= this.groups ? looksOfGroups(this.groups, colourOf) : looksOfRuns(this.drawn, colourOf);
    return this.#looks.get(key) ?? { colour: colourOf(Number(key) || 0), dash: 0 }; // an entry of the legend that is hidden
  }

  /** What a run or a group is called: its name, and what it has that others do not. */
  label(key) {
    let label = this.#labels.get(key);
    if (label === undefined) this.#labels.set(key, (label = this.parts(key).join(" · ")));
    return label;
  }

  /** The label's parts: name, then differing params. */
  parts(key) {
    if (typeof key !== "number") return [this.groups?.find((one) => one.key === key)?.label ?? key];
    const name = this.given[key] ?? (this.#row(key) ? `${this.#row(key).name || "Run"} #${key}` : (this.#names.get(key) ?? `Run ${key}`));
    return [name, ...this.#params(this.#row(key), this.#differ)];
  }

  #params(row, keys) {
    if (!row) return [];
    return keys.filter((key) => Object.hasOwn(row.params, key)).slice(0, MOST_DIFFER).map((key) => `${key} ${plain(row.params[key]).slice(0, NAMED)}`);
  }

  /** Entries of the legend: what is drawn, and what was hidden of it. */
  legend() {
    if (this.groups) return this.groups.map(({ key, runs }) => ({ key, label: [`${this.label(key)} (${runs.length})`], title: runs.map((run) => `#${run}`).join(", "), shown: true }));
    const hidden = this.state.get("hide").filter((run) => !this.drawn.includes(run) && this.#row(run) && (!this.state.get("sel").length || this.state.get("sel").includes(run)));
    const all = [...this.drawn, ...hidden];
    return all.map((run) => ({ key: run, label: [this.label(run)], title: this.label(run), shown: !hidden.includes(run) }));
  }

  /** Hide an entry of the legend, or bring it back. */
  toggle(key) {
    if (typeof key !== "number") return;
    const hide = this.state.get("hide");
    this.state.set({ hide: hide.includes(key) ? hide.filter((run) => run !== key) : [...hide, key] });
  }

  /** A point of this run came. */
  heard() {
    this.#heardAt = performance.now();
  }

  /** Do curves get longer at the moment? */
  get growing() {
    return performance.now() - this.#heardAt < GROWING_MS && !this.ended;
  }

  /** Have all runs come to their end, as far as is known? */
  get ended() {
    const states = this.drawn.map((run) => this.#states.get(run) ?? this.#row(run)?.state);
    return states.length > 0 && states.every((state) => ENDED.has(state));
  }

  /** The stream told of a run. @returns {boolean} it has come to its end just now */
  told({ id, name, state }) {
    if (name && !this.#names.has(id)) {
      this.#names.set(id, `${name} #${id}`);
      this.#labels.delete(id);
    }
    const before = this.#states.get(id);
    this.#states.set(id, state);
    return before !== undefined && before !== state && ENDED.has(state);
  }
}
