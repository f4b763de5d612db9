// The rows of a workbench: fetched once in columns, kept current by the live stream, filtered by the server (one
// language everywhere) and sorted here.
import { toast } from "./toast.js";
import { alike, rowsOf } from "./wb_answer.js";
import { brushed } from "./wb_brush.js";
import { inOrder } from "./wb_columns.js";
import { Pretended } from "./wb_pretend.js";

const FILTER_MS = 120;
const SETTLE_MS = 400;

/**
 * Rows of runs. `ids` are those that are shown, in order.
 *
 * A row: {id, name, experiment, state, reason, phase, stopping, owner, recipe, entrypoint, snapshot (how its id begins),
 * args, device, seed, priority, tags, params, metrics: {tag: {last, min, max, step, nonfinite?}}, created_at, started_at,
 * finished_at, updated_at (seconds since 1970 or null), duration_s (a getter), step, total, epoch, epochs, eta_s, colour,
 * archived, sweep, group}
 */
export class RowStore {
  ids = [];
  /** Those that would be shown without the brushes of the parallel coordinates, in order. */
  unbrushed = [];
  /** Place of each shown run, by id. */
  places = new Map();
  /** What is wrong with the filter: {message, position}; null when it is understood. */
  problem = null;
  /** "loading", "ready" or "failed". */
  phase = "loading";
  /** Ids that the filter finds and that are held back until `reveal()`: they came by the stream. */
  fresh = [];

  #state;
  #rows = new Map();
  #found = null; // ids that the filter finds; null: all
  #version = null;
  #listeners = new Set();
  #abort = new AbortController();
  #asked = null;
  #timer = 0;
  #again = 0;
  #shown = new Set();
  #concealed = new Set();
  #pretended = new Pretended();
  #late = false; // a change came while lines were held
  held = false;

  constructor(state) {
    this.#state = state;
    const { signal } = this.#abort;
    state.on("q", () => this.#filterSoon());
    state.on("arch", () => this.load());
    state.on("sort", () => this.#arrange("sort", [], false));
    state.on("br", () => this.#arrange("filter", [], false));
    for (const kind of ["experiment", "gone"]) {
      document.body.addEventListener(`danlu:${kind}`, ({ detail }) => this.#heard(kind, detail), { signal });
    }
  }

  /** Every row by id, also those that the filter leaves out. */
  get all() {
    return this.#rows;
  }

  /** A row, or undefined. */
  get(id) {
    return this.#rows.get(id);
  }

  /** Call `listener({what, ids})` after a change; what: "load", "filter", "sort", "rows" (some rows, same order) or "fresh". */
  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when the rows are there, or cannot be had. */
  ready() {
    if (this.phase !== "loading") return Promise.resolve();
    return new Promise((resolve) => {
      const off = this.on(() => {
        if (this.phase === "loading") return;
        off();
        resolve();
      });
    });
  }

  /** Fetch everything anew. */
  async load() {
    const turn = (this.turn = {});
    const [answer, found] = await Promise.all([this.#get({}), this.#state.get("q") ? this.#find() : null]);
    if (this.turn !== turn) return;
    if (!answer) {
      this.phase = "failed";
      this.#tell("load");
      return;
    }
    const before = this.#rows;
    this.#rows = new Map(rowsOf(answer).map((row) => [row.id, this.#pretended.over(row)]));
    this.#missed([...before.values()].filter(({ id }) => !this.#rows.has(id)));
    this.#version = answer.version;
    this.#found = found;
    this.#shown = new Set();
    this.phase = "ready";
    this.#arrange("load");
  }

  /** Fetch what changed since the last time. */
  async refresh() {
    if (this.phase !== "ready") return this.load();
    const turn = this.turn;
    const answer = await this.#get(this.#version ? { since: this.#version } : {});
    if (this.turn !== turn || !answer) return;
    const news = rowsOf(answer).map((row) => this.#pretended.over(row));
    const known = news.every((row) => this.#rows.has(row.id));
    const changed = news.filter((row) => !alike(row, this.#rows.get(row.id)));
    for (const row of changed) this.#rows.set(row.id, row);
    if (answer.version) this.#version = answer.version;
    // one that was deleted cannot say so
    if (this.#rows.size !== answer.total) return this.load();
    if (this.#state.get("q") && (changed.length || !known)) this.#found = await this.#find();
    if (this.turn !== turn) return;
    if (changed.length) this.#arrange("rows", changed.map((row) => row.id));
  }

  /** Tell everybody that these rows are to be shown anew. */
  touch(ids) {
    this.#tell("rows", ids);
  }

  /** Write what the server has answered about a run into its row. */
  patch(id, values) {
    const row = this.#rows.get(id);
    if (!row) return;
    Object.assign(row, values);
    this.#tell("rows", [id]);
  }

  /** Show values of a run that the server does not know of yet, whatever it says meanwhile; null: no longer. */
  pretend(id, values) {
    this.#pretended.set(id, this.#rows.get(id), values);
    this.#tell("rows", [id]);
  }

  /** Leave rows out, as if they were gone: they are about to be. */
  conceal(ids) {
    for (const id of ids) this.#concealed.add(id);
    this.#arrange("filter", [], false);
  }

  /** Show rows again that were concealed. */
  restore(ids) {
    for (const id of ids) this.#concealed.delete(id);
    this.#arrange("filter", [], false);
  }

  /** While held, values change in place, but no line moves: somebody points at one, or is in it with the keyboard. */
  hold(on) {
    if (this.held === on) return;
    this.held = on;
    if (!on && this.#late) this.#arrange("sort", [], false);
  }

  /** Show what is held back. */
  reveal() {
    for (const id of this.fresh) this.#shown.add(id);
    this.#arrange("filter");
  }

  stop() {
    this.#abort.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#again);
  }

  // the server

  async #get(more) {
    const { experiment, runs } = this.#state.scope;
    const query = new URLSearchParams(more);
    if (experiment) query.set("experiment", experiment);
    for (const run of runs ?? []) query.append("run", run);
    if (this.#state.get("arch")) query.set("archived", "true");
    const url = `/api/v1/table?${query}`;
    try {
      // without headers of its own: the page has asked for this address already, in app/compare/first.py
      const response = await fetch(url, { signal: this.#abort.signal });
      return response.ok ? await response.json() : null;
    } catch {
      return null; // the server is not there, or the page is left
    }
  }

  /** Ids that the filter finds, as a set; what was found before where it cannot be asked. */
  async #find() {
    const q = this.#state.get("q");
    if (!q.trim()) {
      this.problem = null;
      return null;
    }
    const answer = await this.#get({ q, only: "ids", typing: "true" });
    if (answer?.problem) {
      this.problem = answer.problem;
      return this.#found;
    }
    this.problem = null;
    return answer ? new Set(answer.ids) : this.#found;
  }

  #filterSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.filter(), FILTER_MS);
  }

  /** Ask which runs the filter finds, now. */
  async filter() {
    clearTimeout(this.#timer);
    const asked = (this.#asked = {});
    const found = await this.#find();
    if (this.#asked !== asked) return;
    this.#found = found;
    for (const id of this.#rows.keys()) this.#shown.add(id); // asked for: nothing is held back
    this.#arrange("filter");
  }

  // the live stream

  #heard(kind, detail) {
    if (kind === "experiment" && this.phase === "ready") this.#refreshSoon(); // the page follows those of its runs only
    const row = kind === "gone" && this.#rows.get(detail.run);
    if (!row) return;
    this.#rows.delete(row.id);
    this.#missed([row]);
    this.#arrange("filter", [], false);
  }

  /** A run that somebody else has deleted leaves a comparison, whose address still names it, with a word. */
  #missed(gone) {
    const others = gone.filter(({ id }) => !this.#concealed.has(id));
    if (!this.#state.scope.runs || !others.length) return;
    const [{ name, id }] = others;
    toast(`${name} #${id}${others.length > 1 ? ` and ${others.length - 1} more were` : " was"} deleted meanwhile; the others are compared.`);
  }

  #refreshSoon() {
    this.#again ||= setTimeout(async () => {
      await this.refresh();
      this.#again = 0;
    }, SETTLE_MS);
  }

  // what is shown, in which order

  #arrange(what, changed = [], showAll = what !== "rows") {
    if (what === "rows" && this.held) {
      this.#late = true;
      this.#tell("rows", changed);
      const fresh = [...this.#rows.keys()].filter((id) => !this.#shown.has(id) && this.#fits(id));
      if (fresh.length !== this.fresh.length) this.#tell("fresh", (this.fresh = fresh));
      return;
    }
    this.#late = false;
    const all = [...this.#rows.keys()].filter((id) => this.#fits(id));
    if (showAll) for (const id of all) this.#shown.add(id);
    const fresh = all.filter((id) => !this.#shown.has(id));
    const shown = all.filter((id) => this.#shown.has(id));
    this.unbrushed = inOrder(shown.map((id) => this.#rows.get(id)), this.#state.get("sort")).map((place) => shown[place]);
    const inside = brushed(this.#state.get("br"));
    const ids = inside ? this.unbrushed.filter((id) => inside(this.#rows.get(id))) : this.unbrushed;
    const moved = what !== "rows" || ids.length !== this.ids.length || ids.some((id, place) => id !== this.ids[place]);
    const news = fresh.length !== this.fresh.length;
    this.fresh = fresh;
    if (moved) {
      this.ids = ids;
      this.places = new Map(ids.map((id, place) => [id, place]));
    }
    this.#tell(moved && what === "rows" ? "sort" : what, changed);
    if (news) this.#tell("fresh", fresh);
  }

  #fits(id) {
    return (!this.#found || this.#found.has(id)) && !this.#concealed.has(id);
  }

  #tell(what, ids = this.ids) {
    for (const listener of [...this.#listeners]) listener({ what, ids });
  }
}
