// <danlu-log run="12">: what a run prints. It opens at the end with the history above, follows while it is at the bottom,
// and keeps at most 5,000 lines in the page.
import { afterPaint, icon, keepInside, make, recall, remember } from "./dom.js";
import { Finder } from "./log_find.js";
import { LogLines, MAX_LINES } from "./log_lines.js";
import { readRange, readTail, withoutBytes } from "./log_source.js";

const HISTORY_BYTES = 1 << 16;
const NEAR_TOP = 400;
const AT_BOTTOM = 24;
const ANNOUNCE_MS = 8000;
const WRAP_KEY = "danlu_log_wrap";

class Log extends HTMLElement {
  connectedCallback() {
    this.run = this.getAttribute("run");
    if (!this.dataset.topics) this.dataset.topics = `log:${this.run}`;
    if (!this.built) this.#build();
    this.replaceChildren(this.built);
    this.keeper = keepInside(this, this.built, () => (this.scroller.scrollTop = this.following ? this.scroller.scrollHeight : this.lastTop));
    this.abort = new AbortController();
    const { signal } = this.abort;
    document.body.addEventListener("danlu:log", (event) => this.#heard(event.detail), { signal });
    document.body.addEventListener("danlu:run", ({ detail }) => {
      if (String(detail.id) === this.run) this.toggleAttribute("ended", ["succeeded", "failed", "cancelled"].includes(detail.state));
      this.#emptied();
    }, { signal });
    this.#openTail();
  }

  disconnectedCallback() {
    this.keeper.disconnect();
    this.abort.abort();
  }

  /** What the island shows, for tests. */
  state() {
    const { count, top, end } = this.lines;
    return { lines: count, top, end, following: this.following, detached: this.detached, unseen: this.unseen };
  }

  #build() {
    this.body = make("div", { class: "log-body" });
    this.scroller = make("div", {
      class: "log-scroll",
      role: "log",
      tabIndex: 0,
      "aria-live": "off", // a screen reader would never come to an end; the status line below speaks now and then
      "aria-label": `Output of run ${this.run}`,
      onscroll: () => this.#scrolled(),
    }, this.body);
    this.empty = make("p", { class: "log-empty", hidden: true });
    this.pill = make("button", { class: "log-pill", type: "button", hidden: true, onclick: () => this.#toEnd() });
    this.spoken = make("div", { class: "visually-hidden", role: "status" });
    this.lines = new LogLines(this.body);
    this.built = make("div", { class: "log-frame" }, this.#tools(), make("div", { class: "log-view" }, this.scroller, this.empty, this.pill), this.spoken);
    this.#wrap(recall(WRAP_KEY) === "1");
  }

  #tools() {
    this.found = make("output", { class: "log-found" });
    this.finder = new Finder(this.body, (current, total) => {
      this.found.textContent = this.search.value ? (total ? `${current} of ${total}` : "not found") : "";
      for (const button of this.steps) button.disabled = !total;
    });
    this.search = make("input", {
      type: "search",
      class: "log-search",
      placeholder: "Find",
      "aria-label": "Find in the output shown",
      oninput: () => this.finder.search(this.search.value),
      onkeydown: (event) => {
        if (event.key === "Enter") {
          event.preventDefault();
          this.finder.move(event.shiftKey ? 1 : -1); // from the newest line upwards, as one reads a log
        }
      },
    });
    const step = (name, label, by) =>
      make("button", { class: "btn ghost icon small", type: "button", disabled: true, "aria-label": label, title: label, onclick: () => this.finder.move(by) }, icon(name));
    this.steps = [step("up", "Previous hit", -1), step("down", "Next hit", 1)];
    this.wrapButton = make("button", { class: "btn ghost small", type: "button", "aria-pressed": "false", "aria-label": "Wrap long lines", onclick: () => this.#wrap(this.wrapButton.ariaPressed !== "true") }, icon("wrap"), make("span", { class: "island-text" }, "Wrap"));
    const download = make("a", { class: "btn ghost small", href: `/api/v1/runs/${this.run}/log`, download: `run-${this.run}.log`, "aria-label": "Download the output" }, icon("download"), make("span", { class: "island-text" }, "Download"));
    return make("div", { class: "island-bar" }, this.search, this.found, ...this.steps, make("span", { class: "island-space" }), this.wrapButton, download);
  }

  #wrap(on) {
    this.wrapButton.setAttribute("aria-pressed", String(on));
    this.scroller.classList.toggle("wraps", on);
    remember(WRAP_KEY, on ? "1" : "0");
    if (this.following) this.#stick();
  }

  async #openTail() {
    this.queue = Promise.resolve();
    this.following = true;
    this.detached = false;
    this.#count(0);
    // Pieces that arrive meanwhile wait in the queue behind this.
    this.queue = this.#guard(async () => {
      const part = await readTail(this.run, this.abort.signal);
      this.lines.clear(part.start);
      this.lines.append(part.text, part.end);
      this.lines.trimTop();
      this.#changed();
    });
    await this.queue;
    afterPaint(() => (this.dataset.ready = "1"));
  }

  /** Errors are shown; an island that left the page is none. */
  async #guard(work) {
    try {
      await work();
      this.failure?.remove();
    } catch (error) {
      if (error.name === "AbortError" || this.abort.signal.aborted) return;
      this.failure?.remove();
      this.failure = make("p", { class: "island-error", role: "alert" }, `${error.message} `,
        make("button", { class: "btn small", type: "button", onclick: () => this.#openTail() }, "Try again"));
      this.built.append(this.failure);
    }
  }

  #heard(piece) {
    if (String(piece.run) !== this.run) return;
    this.queue = this.queue.then(() => this.#guard(() => this.#take(piece)));
  }

  async #take(piece) {
    let { offset, end, text } = piece;
    if (this.detached) {
      if (end > this.latest) this.#count(this.unseen + text.split("\n").length - 1);
      this.latest = Math.max(this.latest, end);
      return;
    }
    if (end <= this.lines.end) return;
    if (offset > this.lines.end && !piece.gap) {
      const missing = await readRange(this.run, this.lines.end, offset, this.abort.signal);
      this.lines.append(missing.text, offset);
    } else if (offset > this.lines.end) {
      this.lines.append(`${this.lines.partial ? "\n" : ""}${piece.gap}\n`, offset);
    } else if (offset < this.lines.end) {
      text = withoutBytes(text, this.lines.end - offset);
    }
    const feeds = this.lines.append(text, end);
    if (this.following) this.lines.trimTop();
    else {
      this.#count(this.unseen + feeds);
      if (this.lines.count > MAX_LINES * 1.2) this.#detach();
    }
    this.#changed();
    this.#announce(feeds);
  }

  /** The reader is far above: what comes now is only counted until they go to the end. */
  #detach() {
    this.latest = Math.max(this.latest ?? 0, this.lines.end);
    this.detached = this.lines.trimBottom() || this.detached;
  }

  #changed() {
    this.#emptied();
    this.scroller.classList.toggle("is-empty", this.lines.count === 0);
    if (this.following) this.#stick();
    if (this.finder.query && !this.finding) {
      this.finding = setTimeout(() => {
        this.finding = 0;
        this.finder.search(this.search.value);
      }, 300);
    }
  }

  #emptied() {
    this.empty.hidden = this.lines.count > 0;
    this.empty.textContent = this.hasAttribute("ended") ? "This run printed nothing." : "No output yet. It appears here as the run prints it.";
  }

  #stick() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.lastTop = this.scroller.scrollTop;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const bottom = scrollHeight - scrollTop - clientHeight < AT_BOTTOM;
    // Only going up ends following: lines that were just added also put the bottom out of reach for a moment.
    if (bottom && !this.detached) this.following = true;
    else if (scrollTop < this.lastTop - 1) this.following = false;
    this.lastTop = scrollTop;
    if (this.following) this.#count(0);
    if (scrollTop < NEAR_TOP && this.lines.top > 0 && !this.following) this.#history();
  }

  async #history() {
    if (this.loading) return;
    this.loading = true;
    await this.#guard(async () => {
      const top = this.lines.top;
      const from = Math.max(0, top - HISTORY_BYTES);
      const part = await readRange(this.run, from, top, this.abort.signal);
      if (this.lines.top !== top) return;
      let { text, start } = part;
      const feed = text.indexOf("\n");
      if (from > 0 && feed >= 0 && feed < text.length - 1) {
        start = top - (new TextEncoder().encode(text.slice(feed + 1)).length);
        text = text.slice(feed + 1);
      }
      const before = this.scroller.scrollHeight;
      this.lines.prepend(text, start);
      this.scroller.scrollTop += this.scroller.scrollHeight - before; // what is read stays where it is
      if (this.lines.count > MAX_LINES) this.#detach();
      this.lastTop = this.scroller.scrollTop;
      this.#changed();
    });
    this.loading = false;
  }

  #toEnd() {
    this.scroller.focus({ preventScroll: true });
    if (this.detached) {
      this.#openTail();
      return;
    }
    this.following = true;
    this.#count(0);
    this.lines.trimTop();
    this.#stick();
  }

  #count(lines) {
    this.unseen = lines;
    this.pill.hidden = lines === 0 && !this.detached;
    this.pill.textContent = lines ? `↓ ${lines.toLocaleString()} new line${lines === 1 ? "" : "s"}` : "↓ To the end";
  }

  #announce(feeds) {
    this.fresh = (this.fresh ?? 0) + feeds;
    if (this.speaking || !this.fresh) return;
    this.speaking = setTimeout(() => {
      this.speaking = 0;
      this.spoken.textContent = `${this.fresh} new line${this.fresh === 1 ? "" : "s"} of output`;
      this.fresh = 0;
    }, ANNOUNCE_MS);
  }
}

customElements.define("danlu-log", Log);
