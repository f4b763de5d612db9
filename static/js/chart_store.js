// The series of a page: what the server has sent, the points that the stream tells on top, and a zoomed range in full.
//   list(signal)                    which tags there are, and the series of the first ones
//   load(tags, points, signal)      these tags anew
//   follow(tags, points, signal)    what came after the last known points; anew where the server's series has another past
//   focus(tags, range, points, signal)  a range in full resolution; unfocus() forgets it
//   hear(run, tags)                 last points from the stream
//   series(tag), names(), loaded(tag), coarse(tag), origin(run), settled, axis, trim(keep), forget(run, tags), drop(runs)
import { address, fetchSeries, firstUrl } from "./chart_ask.js";
import { append, cut, grown, lastOf, shown } from "./chart_series.js";

const LIVE_SECONDS = 15; // by then the data server has a point, or its run was started anew
const MOST_TAGS = 100; // in one request
const MOST_GROUPS = 3; // of tags that were logged at different steps; the others are fetched anew
const MOST_LIVE = 2000; // points of a series that nobody has fetched
const MOST_POINTS = 1_500_000; // held in all; beyond, tags out of sight are given up
const collator = new Intl.Collator("en", { numeric: true });

/** All series of some runs, by tag and run. */
export class SeriesStore {
  /** @param {number[]} runs */
  constructor(runs) {
    this.runs = runs;
    this.tags = new Map(); // tag → Map(run → entry)
    /** What the horizontal axis is: "epoch" needs a column more; the others are made of what is there. */
    this.axis = "step";
    /** Nothing comes before the runs write again. */
    this.settled = true;
  }

  #sorted = null;
  #loaded = new Map(); // tag → when it was last of use
  #origins = new Map(); // run → wall time
  #held = 0; // points
  #uses = 0;

  /** Every tag, sorted. */
  names() {
    return (this.#sorted ??= [...this.tags.keys()].sort(collator.compare));
  }

  /** Ask which tags there are, and for the series of the first ones. @param {AbortSignal} signal */
  async list(signal) {
    const answer = await fetchSeries(firstUrl(this.runs, this.axis), signal);
    for (const tag of answer.all) this.#byRun(tag);
    this.#take(answer, answer.tags);
  }

  /**
   * Fetch these tags anew.
   * @param {string[]} tags
   * @param {number} points at most so many per series; 0: all
   * @param {AbortSignal} signal
   */
  async load(tags, points, signal) {
    for (let i = 0; i < tags.length; i += MOST_TAGS) {
      const some = tags.slice(i, i + MOST_TAGS);
      this.#take(await this.#ask([["points", points]], some, signal), some);
    }
  }

  /** Fetch what these tags got since; tags that were never fetched, and those whose past has changed, anew. */
  async follow(tags, points, signal) {
    const groups = new Map();
    const anew = [];
    for (const tag of tags) {
      const since = this.#since(tag);
      const key = since.join();
      if (!since.length) anew.push(tag);
      else if (groups.has(key)) groups.get(key).tags.push(tag);
      else if (groups.size < MOST_GROUPS) groups.set(key, { since, tags: [tag] });
      else anew.push(tag);
    }
    const changed = new Set();
    let settled = true;
    for (const group of groups.values()) {
      const query = [["points", points], ...group.since.map((text) => ["since", text])];
      const answer = await this.#ask(query, group.tags, signal);
      settled &&= answer.settled;
      for (const series of answer.series) if (!this.#append(series, points)) changed.add(series.tag);
      for (const tag of group.tags) this.#use(tag);
    }
    this.settled = true;
    if (anew.length || changed.size) await this.load([...anew, ...changed], points, signal);
    this.settled &&= settled;
  }

  /** Go over to another axis: for "epoch" everything is to be fetched anew. @param {string} axis */
  setAxis(axis) {
    const wanted = axis === "epoch" ? axis : "step";
    if (wanted === this.axis) return;
    this.axis = wanted;
    if (wanted === "epoch") this.#loaded.clear();
  }

  /**
   * Fetch a range in full resolution, up to `points` per series.
   * @param {string[]} tags
   * @param {{axis: string, from: number, to: number}} range of x values as they are shown
   */
  async focus(tags, range, points, signal) {
    const [from, to] = this.#asServer(tags, range);
    const answer = await this.#ask([["points", points], ["from", from], ["to", to]], tags, signal, range.axis);
    for (const series of answer.series) {
      const entry = this.#entry(series.tag, series.run);
      entry.detail = series.step.length ? series : null;
      entry.shown = null;
    }
  }

  /** Forget the ranges in full resolution. */
  unfocus() {
    for (const byRun of this.tags.values()) {
      for (const entry of byRun.values()) if (entry.detail) entry.detail = entry.shown = null;
    }
  }

  async #ask(query, tags, signal, axis = this.axis) {
    const pairs = [...query, ...tags.map((tag) => ["tag", tag])];
    if (axis !== "step") pairs.push(["x", axis]);
    return fetchSeries(address(this.runs, pairs), signal);
  }

  #byRun(tag) {
    let byRun = this.tags.get(tag);
    if (!byRun) {
      this.tags.set(tag, (byRun = new Map()));
      this.#sorted = null;
    }
    return byRun;
  }

  #entry(tag, run) {
    const byRun = this.#byRun(tag);
    let entry = byRun.get(run);
    // base: from the server, thinned. known: its last point there. detail: a range in full. shown: all that, with the
    // live points; mine, own: the arrays of base, of shown are nobody else's, so that they may grow.
    if (!entry) byRun.set(run, (entry = { base: null, mine: false, known: null, live: [], detail: null, shown: null, own: false }));
    return entry;
  }

  #take(answer, tags) {
    this.settled = answer.settled;
    for (const series of answer.series) this.#replace(this.#entry(series.tag, series.run), series);
    for (const tag of tags) this.#use(tag);
  }

  #replace(entry, series) {
    this.#held += series.step.length - (entry.base?.step.length ?? 0);
    entry.base = series;
    entry.mine = false;
    this.#learn(entry, series);
    if (series.wall.length) this.#origins.set(series.run, Math.min(this.#origins.get(series.run) ?? Infinity, series.wall[0]));
  }

  /** Note where the server's series ends now, and which live points it lacks. */
  #learn(entry, series) {
    const end = series.step.length - 1;
    if (end >= 0) entry.known = { step: series.step[end], wall: series.wall[end], total: series.total };
    const now = Date.now() / 1000;
    const last = entry.known?.step ?? -Infinity;
    entry.live = entry.live.filter((point) => point.step > last && now - point.heard < LIVE_SECONDS);
    entry.shown = null;
  }

  /** @returns {boolean} false: the server's series has another past than ours */
  #append(series, points) {
    const entry = this.#entry(series.tag, series.run);
    const { known, base } = entry;
    if (!known) this.#replace(entry, series);
    else if (series.anchor !== known.wall || (series.before !== known.total && !series.sampled)) return false;
    else if (series.step.length) {
      const before = base.step.length;
      const drawn = append(entry, series, points);
      this.#held += entry.base.step.length - before;
      this.#learn(entry, series);
      if (drawn?.step.length === entry.base.step.length + entry.live.length) entry.shown = drawn;
    }
    return true;
  }

  /** Where each run's series of a tag ends, as the query says it; nothing when all is to be fetched. */
  #since(tag) {
    const byRun = this.tags.get(tag);
    if (!byRun || !this.#loaded.has(tag)) return [];
    const steps = this.runs.map((run) => byRun.get(run)?.known?.step);
    if (steps.every((step) => step === undefined)) return [];
    if (steps.every((step) => step === steps[0])) return [String(steps[0])];
    return this.runs.filter((_, i) => steps[i] !== undefined).map((run) => `${run}:${byRun.get(run).known.step}`);
  }

  /** A range as the server counts: its relative times begin with each series, ours with the run. */
  #asServer(tags, { axis, from, to }) {
    const pad = (to - from) * 0.02;
    let [low, high] = [0, 0];
    if (axis === "relative") {
      const late = tags.flatMap((tag) => this.series(tag)).filter((one) => one.wall.length).map((one) => one.wall[0] - this.origin(one.run));
      if (late.length) [low, high] = [Math.max(...late), Math.min(...late)];
    }
    return [from - pad - low, to + pad - high];
  }

  /**
   * Take the last points that the stream tells.
   * @param {number} run
   * @param {Object<string, [number, number|null, string?]>} tags
   * @returns {string[]} tags that got a point
   */
  hear(run, tags) {
    const touched = [];
    const heard = Date.now() / 1000;
    for (const [tag, [step, value, name]] of Object.entries(tags)) {
      const entry = this.#entry(tag, run);
      const last = lastOf(entry);
      if (step === last?.step) continue;
      if (step < last?.step) this.#rewind(entry, step); // the run resumed from a checkpoint
      // This machine's clock may be behind the run's; the x values have to ascend all the same.
      const point = { step, value: value ?? null, name, heard, wall: Math.max(heard, lastOf(entry)?.wall ?? 0) };
      if (!this.#origins.has(run)) this.#origins.set(run, point.wall); // until the server tells the first one
      entry.live.push(point);
      if (entry.own && entry.shown) entry.shown = grown(entry.shown, point);
      else entry.shown = null;
      if (!entry.base && entry.live.length > MOST_LIVE) entry.live.splice(0, MOST_LIVE / 2);
      touched.push(tag);
    }
    return touched;
  }

  /** Forget curves of a run that have another name by now. */
  forget(run, tags) {
    for (const tag of tags) {
      const byRun = this.tags.get(tag);
      this.#held -= byRun?.get(run)?.base?.step.length ?? 0;
      byRun?.delete(run);
      if (byRun?.size === 0 && this.tags.delete(tag)) this.#sorted = null;
    }
  }

  /** Forget runs that are gone. */
  drop(runs) {
    this.runs = this.runs.filter((run) => !runs.includes(run));
    for (const run of runs) this.forget(run, [...this.tags.keys()]);
  }

  #rewind(entry, step) {
    entry.live = entry.live.filter((point) => point.step < step);
    entry.shown = entry.detail = null;
    const keep = entry.base?.step.findIndex((known) => known >= step) ?? -1;
    if (keep < 0) return;
    this.#held -= entry.base.step.length - keep;
    entry.base = cut(entry.base, keep);
    entry.known = null; // how many points the server has up to here is not known: it is asked for all
  }

  /**
   * The series of one tag, in the order of the runs, live points included.
   * @param {string} tag
   * @returns {import("./chart_data.js").Series[]}
   */
  series(tag) {
    const byRun = this.tags.get(tag);
    if (!byRun) return [];
    return this.runs.filter((run) => byRun.has(run)).map((run) => shown(byRun.get(run), run, tag));
  }

  /** Whether a tag was fetched, and is still held. */
  loaded(tag) {
    return this.#loaded.has(tag);
  }

  /** Whether the server has points of this tag that are not here. */
  coarse(tag) {
    return [...(this.tags.get(tag)?.values() ?? [])].some(({ base }) => base && base.total > base.step.length);
  }

  /** Wall time of the first point of a run. */
  origin(run) {
    return this.#origins.get(run) ?? Infinity;
  }

  #use(tag) {
    this.#loaded.set(tag, ++this.#uses);
  }

  /** Give up series that nobody sees, when there are too many. @param {Set<string>} keep tags in sight */
  trim(keep) {
    const order = [...this.#loaded].filter(([tag]) => !keep.has(tag)).sort((a, b) => a[1] - b[1]);
    for (const [tag] of order) {
      if (this.#held <= MOST_POINTS) return;
      this.#loaded.delete(tag);
      for (const entry of this.tags.get(tag)?.values() ?? []) {
        this.#held -= entry.base?.step.length ?? 0;
        Object.assign(entry, { base: null, known: null, live: [], detail: null, shown: null });
      }
    }
  }
}
