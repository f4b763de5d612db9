// <danlu-curves run="12"> (perhaps with its colour="3") or run="12,13": every scalar tag of these runs, one card per tag, in sections by prefix. Inside of a
// workbench, `curves.state = state` before it is on the page, and `curves.show(runs)` later. `el.state()` tells tests what is shown.
import { Alone, described } from "./chart_alone.js";
import { Cards } from "./chart_cards.js";
import { Feed } from "./chart_feed.js";
import { Full } from "./chart_full.js";
import { Legend } from "./chart_legend.js";
import { Live } from "./chart_live.js";
import { CardMenu } from "./chart_menu.js";
import { Message } from "./chart_message.js";
import { readTheme } from "./chart_plot.js";
import { Pointer } from "./chart_pointer.js";
import { Runs } from "./chart_runs.js";
import { Sections } from "./chart_sections.js";
import { SeriesStore } from "./chart_store.js";
import { Tip } from "./chart_tip.js";
import { toolBar } from "./chart_tools.js";
import { View } from "./chart_view.js";
import { hurry } from "./chart_frames.js";
import { afterPaint, keepInside, make } from "./dom.js";
import { State } from "./wb_state.js";

class Curves extends HTMLElement {
  connectedCallback() {
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.cards = new Cards(this);
    this.own = !this.bench;
    this.bench ??= new State({ runs: [] });
    if (this.own && this.hasAttribute("colour")) this.bench.paint(Number(this.getAttribute("run")), Number(this.getAttribute("colour")));
    this.runs = new Runs(this, this.bench);
    const first = this.first ?? this.runs.named();
    this.store = new SeriesStore(first);
    this.previous = null;
    this.view = new View(this.bench, (what) => this.#viewed(what));
    this.pointer = new Pointer(this);
    this.alone = new Alone(this, signal);
    this.theme = readTheme(this);
    this.runs.show(first);
    this.#build(signal);
    const on = (name, listener) => document.body.addEventListener(name, (event) => listener(event.detail), { signal });
    this.live = new Live(this, signal);
    on("danlu:theme", () => this.#themed());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#themed(), { signal });
    this.#start();
  }

  disconnectedCallback() {
    this.abort.abort();
    this.feeding?.abort();
    this.view.stop();
    if (this.own) this.bench.stop();
    this.keeper.disconnect();
    this.cards.stop();
  }

  /** What the island shows, for tests. */
  state() {
    return described(this);
  }

  #build(signal) {
    this.message = new Message();
    this.spoken = make("div", { class: "visually-hidden", role: "status" });
    this.frame = make("div", { class: "curve-frame" });
    this.sections = new Sections(this, signal);
    this.legendView = new Legend(this);
    this.tip = new Tip();
    this.menu = new CardMenu(this);
    this.full = new Full(this, signal);
    this.bar = toolBar(this);
    this.bar.element.hidden = true;
    this.frame.append(this.bar.element, this.legendView.element, this.message.element, this.sections.element, this.sections.none, this.spoken, this.full.dialog, this.menu.element, this.tip.element);
    this.keeper = keepInside(this, this.frame);
    this.replaceChildren(this.frame);
  }

  #start() {
    this.feeding?.abort();
    this.feeding = new AbortController();
    this.feed = new Feed(this, this.feeding.signal);
    if (this.store.runs.length) this.feed.list();
    else this.arrived([]);
  }

  // which runs

  /** Draw these runs, in this order. What is drawn already stays until the new ones are there. */
  show(runs) {
    this.runs.show(runs);
    const known = new Set(this.store.runs);
    if (runs.some((run) => !known.has(run))) {
      this.previous = this.store;
      this.store = new SeriesStore([...runs]);
      this.#start();
    }
    this.#redraw();
  }

  /** These runs are gone: nothing is asked of them any more. */
  forget(runs) {
    const gone = this.store.runs.filter((run) => runs.includes(run));
    if (!gone.length) return;
    this.store.drop(gone);
    this.previous?.drop(gone);
    this.runs.show(this.runs.drawn.filter((run) => !gone.includes(run)));
    this.#start(); // what is on its way would be refused
    this.#redraw();
  }

  /** Nobody looks: what comes by the stream is kept, but nothing is fetched before somebody does again. */
  rest(on) {
    this.resting = on;
    if (!on) this.feed?.resume();
  }

  /** Names, params or colours of runs are others. */
  renamed() {
    const before = JSON.stringify([this.groups, this.legend(), this.runs.drawn.map(this.look)]);
    this.runs.changed();
    if (JSON.stringify([this.groups, this.legend(), this.runs.drawn.map(this.look)]) !== before) this.#redraw();
  }

  get groups() {
    return this.runs.groups;
  }

  /** Do curves get longer at the moment? */
  get grows() {
    return this.runs.growing;
  }

  look = (key) => this.runs.look(key);
  label = (key) => this.runs.label(key);
  origin = (run) => (this.store.origin(run) < Infinity ? this.store.origin(run) : (this.previous?.origin(run) ?? Infinity));

  /** The series of a tag that are drawn, in their order. */
  seriesOf(tag) {
    const store = this.store.loaded(tag) || !this.previous ? this.store : this.previous;
    const byRun = new Map(store.series(tag).map((one) => [one.run, one]));
    return this.runs.drawn.map((run) => byRun.get(run)).filter(Boolean);
  }

  /** Columns that make sense to group by. */
  groupable() {
    return this.runs.groupable();
  }

  /** Means of the runs that are alike in a column; "": each run by itself. */
  group(column) {
    this.view.set({ group: column });
  }

  /** Entries of the legend. */
  legend() {
    return this.runs.legend();
  }

  get legendElement() {
    return this.legendView.element;
  }

  toggle(key) {
    this.runs.toggle(key);
  }

  /** Strengthen a line in all charts, or none. @param {object} [only] the one card to do it in */
  glow(key, only) {
    if (this.glowing === key && this.glowOnly === only) return;
    this.glowing = key;
    this.glowOnly = only;
    for (const card of this.cards.inSight()) card.plot?.glow(!only || only === card ? key : null);
    this.legendView.mark(key);
  }

  // what cards, tools, feed and pointer call

  /** Tags or points came. */
  arrived(tags) {
    this.sections.arrange(this.store.names());
    const none = this.store.names().length === 0;
    this.bar.element.hidden = none;
    this.bar.refresh();
    this.legendView.refresh();
    if (none) this.message.none(this.store.runs.length, this.hasAttribute("ended") || this.runs.ended);
    else this.message.clear();
    for (const card of this.cards.inSight()) if (!tags.length || tags.includes(card.tag)) card.touch();
    this.full.follow();
    this.cards.drawSoon();
    if (none) this.#ready();
    else this.readyWhenLoaded();
  }

  /** Say what is waited for; null: nothing any more. */
  waiting(text) {
    if (text) this.message.say(text);
    else if (this.store.names().length) this.message.clear();
  }

  /** Say what went wrong. */
  broken(text, retry) {
    this.message.broken(text, retry);
    this.#ready();
  }

  /** Speak to screen readers, not more often than keys are pressed. */
  say(text) {
    this.spoken.textContent = text;
  }

  openMenu(card) {
    this.menu.open(card);
  }

  pin(tag) {
    this.view.pin(tag);
  }

  key(card, event) {
    this.pointer.key(card, event);
  }

  zoomBy(factor) {
    this.pointer.zoomBy(factor);
  }

  /** The parts that a full screen borrowed are put back. */
  settleIn() {
    this.bar.element.after(this.legendView.element);
    this.frame.append(this.menu.element, this.tip.element);
  }

  /** An address that shows this page with one tag in front. */
  link(tag) {
    const query = new URLSearchParams(this.bench.query());
    query.set("full", tag);
    return `${location.origin}${location.pathname}?${query}`;
  }

  /** Every point of a tag, of the runs that are drawn. */
  async whole(tag) {
    const store = new SeriesStore(this.runs.drawn);
    await store.load([tag], 0, this.abort.signal);
    return store.series(tag);
  }

  // events

  #themed() {
    this.theme = readTheme(this);
    this.cards.redraw(true);
  }

  #redraw() {
    this.cards.redraw();
    this.bar.refresh();
    this.legendView.refresh();
  }

  #viewed(what) {
    if (what === "place") {
      this.sections.arrange();
      this.full.follow();
    }
    if (what === "look") this.sections.arrange(); // one may be wide now
    if (what === "runs") this.runs.regroup();
    if (what === "zoom") hurry();
    for (const card of this.cards.inSight()) if (what !== "place") this.cards.need(card);
    this.pointer.leave();
    this.#redraw();
  }

  // parts

  /** Ready is what has everything that is in sight. */
  readyWhenLoaded() {
    const all = [...this.cards.values()];
    if (all.length > 0 && all.every((card) => this.store.loaded(card.tag))) {
      this.previous = null;
      this.#ready();
    }
  }

  #ready() {
    if (this.dataset.ready) return;
    afterPaint(() => (this.dataset.ready = "1"));
  }
}

customElements.define("danlu-curves", Curves);
