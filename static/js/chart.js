// <danlu-curves run="12"> or run="12,13": every scalar tag of these runs, one card per tag, in sections by prefix.
// Optional: labels='{"12": "rings lr 0.1"}' for several runs. `el.state()` tells tests what is shown.
import { tagFilter, SeriesStore } from "./chart_data.js";
import { Card } from "./chart_card.js";
import { Feed } from "./chart_feed.js";
import { readTheme } from "./chart_plot.js";
import { Pointer } from "./chart_pointer.js";
import { Sections } from "./chart_sections.js";
import { Tip } from "./chart_tip.js";
import { CardMenu, toolBar } from "./chart_tools.js";
import { View } from "./chart_view.js";
import { afterPaint, keepInside, make } from "./dom.js";

const ENDED = new Set(["succeeded", "failed", "cancelled"]);
const LIVE_DRAW_MS = 200;

class Curves extends HTMLElement {
  connectedCallback() {
    const runs = (this.getAttribute("run") ?? this.getAttribute("runs") ?? "").split(",").map(Number).filter((run) => run > 0);
    if (!this.dataset.topics) this.dataset.topics = runs.map((run) => `metrics:${run}`).join(",");
    this.labels = JSON.parse(this.getAttribute("labels") ?? "{}");
    this.cards = new Map();
    this.hiddenRuns = new Set();
    this.store = new SeriesStore(runs);
    this.view = new View((what) => this.#viewed(what));
    this.pointer = new Pointer(this);
    this.look = (run) => ({ colour: run % 10, dash: runs.length > 1 ? Math.floor(run / 10) % 3 : 0 });
    this.label = (run) => this.labels[run] ?? `Run ${run}`;
    this.origin = (run) => this.store.origin(run);
    this.theme = readTheme(this);
    this.#build();
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.keeper = keepInside(this, this.frame);
    this.sight = new IntersectionObserver((entries) => this.#sighted(entries), { rootMargin: "250px 0px" });
    this.sizes = new ResizeObserver(() => this.#resized());
    this.sizes.observe(this.sections.element);
    const on = (name, listener) => document.body.addEventListener(name, (event) => listener(event.detail), { signal });
    on("danlu:metrics", (detail) => this.#heard(detail));
    on("danlu:run", (detail) => this.#ran(detail));
    on("danlu:theme", () => this.#themed());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#themed(), { signal });
    this.feed = new Feed(this, signal);
    this.feed.list();
  }

  disconnectedCallback() {
    this.abort.abort();
    this.keeper.disconnect();
    this.sight.disconnect();
    this.sizes.disconnect();
    for (const card of this.cards.values()) card.remove();
  }

  /** What the island shows, for tests. */
  state() {
    const { axis, smoothing, logY, outliers, zoom } = this.view;
    const cards = [...this.cards.values()];
    return {
      runs: this.store.runs,
      tags: cards.map((card) => card.tag),
      drawn: cards.filter((card) => card.plot).map((card) => card.tag),
      points: Object.fromEntries(cards.map((card) => [card.tag, card.series.map((one) => one.step.length)])),
      axis, smoothing, logY, outliers, zoom,
      hover: this.pointer.x === null ? null : { x: this.pointer.x, tag: this.pointer.card.tag, values: this.pointer.values },
    };
  }

  #build() {
    this.message = make("div", { class: "curve-message", role: "status", hidden: true });
    this.spoken = make("div", { class: "visually-hidden", role: "status" });
    this.sections = new Sections();
    this.frame = make("div", { class: "curve-frame" });
    this.bar = toolBar(this);
    this.bar.element.hidden = true;
    this.frame.append(this.bar.element, this.message, this.sections.element, this.spoken);
    this.menu = new CardMenu(this);
    this.tip = new Tip(this.frame);
    this.replaceChildren(this.frame);
  }

  // what cards, tools, feed and pointer call

  /** Tags or points came. */
  arrived(tags) {
    for (const tag of this.store.names()) this.#card(tag);
    const none = this.cards.size === 0;
    this.bar.element.hidden = none;
    this.bar.refresh();
    if (none && this.hasAttribute("ended")) this.#say("No scalars", "This run logged none.");
    else if (none) this.#say("No scalars yet", "Curves appear here with the first value that the run logs.");
    for (const tag of tags) this.cards.get(tag)?.touch();
    this.drawSoon();
    if (none) this.#ready();
    else this.#readyWhenLoaded();
  }

  /** Say what is waited for; null: nothing any more. */
  waiting(text) {
    if (text) this.#say(text);
    else if (this.cards.size) this.message.hidden = true;
  }

  /** Say what went wrong. */
  broken(text, retry) {
    this.#say("The curves cannot be shown", text, make("button", { class: "btn small", type: "button", onclick: () => {
      this.message.hidden = true;
      retry();
    } }, "Try again"));
    this.#ready();
  }

  /** Speak to screen readers, not more often than keys are pressed. */
  say(text) {
    this.spoken.textContent = text;
  }

  /** Cards that are near the window and have, or may get, a plot. */
  inSight() {
    return [...this.cards.values()].filter((card) => card.visible);
  }

  /** Draw what is dirty with the next frame. */
  drawSoon() {
    this.frameRequest ||= requestAnimationFrame(() => {
      this.frameRequest = 0;
      for (const card of this.inSight()) card.draw();
    });
  }

  /** Show the tags that match. */
  filter(text) {
    const matches = tagFilter(text);
    for (const card of this.cards.values()) card.element.hidden = !matches(card.tag);
    this.sections.hideEmpty();
  }

  /** Show or hide a run in all charts. */
  toggleRun(run) {
    if (!this.hiddenRuns.delete(run)) this.hiddenRuns.add(run);
    this.bar.refresh();
    for (const card of this.cards.values()) card.touch(true);
    this.drawSoon();
  }

  openMenu(card) {
    this.menu.open(card);
  }

  hovered(card, u) {
    this.pointer.hovered(card, u);
  }

  selected(u) {
    this.pointer.selected(u);
  }

  listen(card, over) {
    this.pointer.listen(card, over);
  }

  key(card, event) {
    this.pointer.key(card, event);
  }

  zoomBy(factor) {
    this.pointer.zoomBy(factor);
  }

  // events

  #heard({ run, tags, gone }) {
    if (!this.store.runs.includes(run)) return;
    if (gone) this.#forget(run, gone);
    const touched = this.store.hear(run, tags);
    if (!touched.length) return;
    let fresh = false;
    for (const tag of touched) {
      fresh ||= !this.cards.has(tag);
      this.#card(tag).touch();
    }
    if (fresh) this.arrived([]);
    this.message.hidden = true;
    this.liveTimer ||= setTimeout(() => {
      this.liveTimer = 0;
      this.drawSoon();
    }, LIVE_DRAW_MS);
    this.feed.stir();
  }

  #forget(run, tags) {
    this.store.forget(run, tags);
    for (const tag of tags) {
      const card = this.cards.get(tag);
      if (!card) continue;
      if (this.store.tags.has(tag)) card.touch(); // another run's curve is still called that
      else {
        this.cards.delete(tag);
        this.sections.take(card);
      }
    }
  }

  #ran(run) {
    if (!this.store.runs.includes(run.id)) return;
    if (run.name && !this.labels[run.id]) {
      this.labels[run.id] = `${run.name} #${run.id}`;
      this.bar.refresh();
    }
    const was = this.states?.[run.id];
    this.states = { ...this.states, [run.id]: run.state };
    if (this.store.runs.length === 1) this.toggleAttribute("ended", ENDED.has(run.state));
    if (!was || was === run.state || !ENDED.has(run.state)) return;
    if (this.cards.size) this.feed.stir();
    else this.feed.list();
  }

  #themed() {
    this.theme = readTheme(this);
    for (const card of this.cards.values()) card.touch(true);
    this.drawSoon();
  }

  #viewed(what) {
    this.bar.refresh();
    for (const card of this.inSight()) {
      if (what === "zoom") card.rescale();
      else card.touch();
      if (what === "zoom" && this.view.zoom && card.series.some((one) => one.total > one.step.length)) this.feed.want(card.tag);
    }
    for (const card of this.cards.values()) if (!card.visible) card.touch();
    this.pointer.leave();
    this.drawSoon();
  }

  #sighted(entries) {
    for (const entry of entries) {
      const card = this.cards.get(entry.target.dataset.tag);
      if (!card) continue;
      card.setVisible(entry.isIntersecting);
      if (card.visible && (card.stale || !this.store.loaded(card.tag))) this.feed.want(card.tag);
    }
    this.drawSoon();
    this.#readyWhenLoaded();
  }

  #resized() {
    if (!this.sections.element.clientWidth) return;
    for (const card of this.inSight()) card.resize();
  }

  // parts

  #card(tag) {
    const known = this.cards.get(tag);
    if (known) return known;
    const card = new Card(tag, this);
    this.cards.set(tag, card);
    this.sections.place(card);
    this.sight.observe(card.element);
    return card;
  }

  #say(title, text, ...more) {
    this.message.replaceChildren(make("strong", {}, title), ...(text ? [make("span", {}, text)] : []), ...more);
    this.message.hidden = false;
  }

  /** Ready is what has everything that is in sight. */
  #readyWhenLoaded() {
    const all = this.inSight();
    if (all.length > 0 && all.every((card) => this.store.loaded(card.tag))) this.#ready();
  }

  #ready() {
    if (this.dataset.ready) return;
    afterPaint(() => (this.dataset.ready = "1"));
  }
}

customElements.define("danlu-curves", Curves);
