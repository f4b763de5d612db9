// The pane of media: images, histograms, texts and graphs of the drawn runs, side by side at one shared step.
import { make } from "./dom.js";
import { GraphView } from "./wb_media_graph.js";
import { HistogramView } from "./wb_media_hist.js";
import { ImageView } from "./wb_media_images.js";
import { TextView } from "./wb_media_text.js";

const MOST_RUNS = 50;
const SETTLE_MS = 200;
const LIVE_MS = 5000;
const KINDS = { images: "Images and figures", histograms: "Histograms", text: "Texts", graph: "Graphs" };
const VIEWS = { images: ImageView, histograms: HistogramView, text: TextView, graph: GraphView };

/** Fill the pane; see wb_panes.js. */
export async function mount(host, state) {
  await state.rows.ready();
  const board = new Media(host, state);
  host.board = board;
  host.replaceChildren(board.element);
  board.show();
  return board;
}

class Media {
  #abort = new AbortController();
  #loaded = new Map(); // by "kind:tag ids"

  constructor(host, state) {
    this.state = state;
    this.host = host;
    this.tag = make("select", { class: "auto", "aria-label": "What is shown", onchange: () => state.set({ mt: this.tag.value }) });
    this.slider = make("input", { type: "range", min: 0, step: 1, "aria-label": "Step", oninput: () => state.set({ step: this.steps[Number(this.slider.value)] ?? null }) });
    this.number = make("output", { class: "curve-smoothing by-step" });
    this.sliding = make("label", { class: "curve-slider by-slider" }, make("span", {}, "Step"), this.slider, this.number);
    this.tools = make("div", { class: "row" });
    this.words = make("p", { class: "muted small", role: "status" });
    this.body = make("div", { class: "by-media" });
    this.message = make("div", { class: "curve-message", hidden: true });
    this.bar = make("div", { class: "island-bar", role: "group", "aria-label": "Media" }, this.tag, this.sliding, this.tools, make("span", { class: "island-space" }), this.words);
    this.element = make("div", { class: "stack" }, this.bar, this.message, this.body);
  }

  /** What the tests look at. */
  get shown() {
    return { kind: this.kind, tag: this.found?.tag, step: this.step, steps: this.steps, runs: this.found?.runs.map(({ run, items }) => [run, this.nearest(items)?.step ?? null]) };
  }

  show() {
    if (this.offs) return;
    this.offs = [
      this.state.on(["sel", "hide", "mt"], () => this.#soon()),
      this.state.on(["step", "hist", "mz", "ab", "base"], () => this.#draw()),
      this.state.rows.on(({ what }) => this.#soon(what === "rows" ? LIVE_MS : SETTLE_MS)),
    ];
    this.observer = new ResizeObserver(() => this.view?.resize?.());
    this.observer.observe(this.element);
    this.themed = new AbortController();
    const { signal } = this.themed;
    document.body.addEventListener("danlu:theme", () => this.#draw(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#draw(), { signal });
    this.#load();
  }

  hide() {
    for (const off of this.offs ?? []) off();
    this.offs = null;
    this.observer?.disconnect();
    this.themed?.abort();
    clearTimeout(this.timer);
  }

  stop() {
    this.hide();
    this.#abort.abort();
    this.view?.stop?.();
  }

  #soon(wait = SETTLE_MS) {
    if (this.timer && wait > SETTLE_MS) return; // what is live waits, what was asked for does not
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#load(), wait);
  }

  /** Ask which tags there are, and for what was logged under the chosen one. */
  async #load() {
    this.timer = 0;
    const all = this.state.drawn();
    this.ids = all.slice(0, MOST_RUNS);
    this.left = all.length - this.ids.length;
    const turn = (this.turn = {});
    if (!this.ids.length) return this.#say("No runs to show", "Tick runs in the table, or clear its filter.");
    const tags = await this.#get("/api/v1/media/tags", {});
    if (this.turn !== turn || !tags) return undefined;
    this.tags = tags.items;
    if (!this.tags.length) return this.#say("No media yet", "Images, figures, histograms, texts and graphs that these runs log stand here: board.image(…), board.histogram(…), board.text(…), or SummaryWriter's.");
    const asked = this.state.get("mt");
    const chosen = this.tags.find((one) => idOf(one) === asked) ?? this.tags.find((one) => one.kind === "images") ?? this.tags[0];
    this.#choices(chosen);
    const found = await this.#get("/api/v1/media", { kind: chosen.kind, tag: chosen.tag });
    if (this.turn !== turn || !found) return undefined;
    this.message.hidden = true;
    this.bar.hidden = this.body.hidden = false;
    this.found = found;
    this.steps = [...new Set(found.runs.flatMap((run) => run.items.map((item) => item.step)))].sort((a, b) => a - b);
    if (this.kind !== chosen.kind) {
      this.view?.stop?.();
      this.kind = chosen.kind;
      this.view = new VIEWS[chosen.kind](this);
      this.body.replaceChildren(this.view.element);
      this.tools.replaceChildren(...(this.view.tools ?? []));
    }
    this.#draw();
    return undefined;
  }

  /** The step that is shown: the chosen one, or else the last. */
  get step() {
    return this.state.get("step") ?? this.steps.at(-1) ?? 0;
  }

  /** What a run logged nearest to a step, or null. */
  nearest(items, step = this.step) {
    let best = null;
    for (const item of items) if (!best || Math.abs(item.step - step) <= Math.abs(best.step - step)) best = item;
    return best;
  }

  /** Name, swatch and step of a run, for the head of its column. */
  headOf(id, item) {
    const { colour, dash } = this.state.colour(id);
    const row = this.state.rows.get(id);
    const off = item && item.step !== this.step;
    return make("div", { class: "by-run" }, make("span", { class: "swatch", "data-colour": colour, "data-dash": dash }),
      make("a", { href: `/runs/${id}`, title: `${row?.name ?? "Run"} #${id}` }, make("bdi", {}, row?.name ?? "Run"), ` #${id}`),
      ...(item ? [make("span", { class: off ? "tag" : "muted small", title: off ? "Nothing was logged at the chosen step; this is the nearest one" : "" }, `step ${item.step.toLocaleString("en-US")}`)] : []));
  }

  /** Address of an image. */
  blob(run, item, key) {
    return `/api/v1/media/blob?${new URLSearchParams({ run, key, v: item.wall })}`;
  }

  #draw() {
    if (!this.found) return;
    const stepped = this.steps.length > 1;
    this.sliding.hidden = !stepped;
    this.slider.max = Math.max(0, this.steps.length - 1);
    const place = this.steps.findLastIndex((step) => step <= this.step);
    this.slider.value = Math.max(0, place);
    this.slider.setAttribute("aria-valuetext", `step ${this.step}`);
    this.number.textContent = this.step.toLocaleString("en-US");
    const lacking = this.found.runs.filter((run) => !run.items.length).length;
    const sampled = this.found.runs.some((run) => run.sampled);
    const notes = [lacking ? `${lacking} of ${this.found.runs.length} runs did not log this` : "", sampled ? "some of the steps are kept" : "", this.left ? `${this.left} more runs are not shown` : ""];
    this.words.textContent = notes.filter(Boolean).join(" · ");
    this.view.draw(this.found.runs.filter((run) => run.items.length));
    this.element.dataset.ready = "1";
  }

  #choices(chosen) {
    const known = this.tags.map(idOf).join("\n");
    if (this.known !== known) {
      this.known = known;
      this.tag.replaceChildren(...Object.entries(KINDS).map(([kind, title]) => [title, this.tags.filter((one) => one.kind === kind)]).filter(([, list]) => list.length).map(([title, list]) =>
        make("optgroup", { label: title }, ...list.map((one) => make("option", { value: idOf(one) }, one.kind === "graph" ? one.tag.replace("__run_graph__", "graph") : one.tag)))));
    }
    this.tag.value = idOf(chosen);
  }

  #say(title, text) {
    this.found = null;
    this.message.replaceChildren(make("strong", {}, title), make("span", {}, text));
    this.message.hidden = false;
    this.bar.hidden = this.body.hidden = true;
    this.element.dataset.ready = "1";
  }

  /** An answer, or null after it was said why there is none. */
  async #get(path, more) {
    const query = new URLSearchParams(more);
    for (const id of this.ids) query.append("run", id);
    const before = this.#loaded.get(`${path}?${query}`);
    this.#abort.abort();
    this.#abort = new AbortController();
    try {
      const response = await fetch(`${path}?${query}`, { headers: { Accept: "application/json" }, signal: this.#abort.signal });
      const answer = await response.json();
      if (response.ok) {
        this.#loaded.clear();
        this.#loaded.set(`${path}?${query}`, answer);
        return answer;
      }
      this.#say("The media cannot be shown", answer.detail ?? "");
    } catch (error) {
      if (error.name === "AbortError") return null;
      if (before) return before; // the server is away for a moment
      this.#say("The server does not answer", "It is asked again when something changes.");
    }
    return null;
  }
}

function idOf({ kind, tag }) {
  return `${kind}:${tag}`;
}
