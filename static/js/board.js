// <danlu-board slug="demo">: the experiment's TensorBoard in the page. It asks for one, says that it is starting,
// shows it when it is there, says why when it is not, and starts again by itself when it died.
import { ask } from "./toast.js";

const STARTING_MS = 600;
const READY_MS = 8000;
const WORDS = {
  stopped: "Starting TensorBoard…",
  starting: "Starting TensorBoard…",
  backoff: "TensorBoard ended unexpectedly; starting it again…",
  failed: "TensorBoard could not be started.",
  unreachable: "The server does not answer; trying again…",
};

/** Is the page shown in dark colours now? */
function dark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

/** TensorBoard keeps its settings in localStorage: once, turn its own reload on and give its charts the room of its
    settings pane; then leave them to the user. */
function firstSettings() {
  const key = "_tb_global_settings";
  try {
    if (localStorage.getItem(key) === null) {
      localStorage.setItem(key, JSON.stringify({ autoReload: true, autoReloadPeriodInMs: 30000, timeSeriesSettingsPaneOpened: false }));
    }
  } catch {
    // no storage: its reload button is still there
  }
}

class Board extends HTMLElement {
  connectedCallback() {
    this.url = `/api/v1/experiments/${encodeURIComponent(this.getAttribute("slug"))}/tensorboard`;
    this.querySelector("[data-retry]").addEventListener("click", () => this.start());
    this.start();
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    this.turn = null;
  }

  /** Ask for a TensorBoard and follow what becomes of it. */
  async start() {
    clearTimeout(this.timer);
    const turn = (this.turn = {});
    this.show({ state: "starting" });
    const status = await ask("POST", this.url);
    if (this.turn === turn) this.follow(status, turn);
  }

  async follow(status, turn) {
    this.show(status ?? { state: "unreachable" });
    const state = status?.state;
    if (state === "failed") return;
    // somebody else stopped it, or it was idle: ask again, but only while somebody looks at this page
    if (state === "stopped") {
      if (document.hidden) document.addEventListener("visibilitychange", () => this.start(), { once: true });
      else this.timer = setTimeout(() => this.start(), STARTING_MS);
      return;
    }
    this.timer = setTimeout(async () => {
      const next = await this.status();
      if (this.turn === turn) this.follow(next, turn);
    }, state === "ready" ? READY_MS : STARTING_MS);
  }

  async status() {
    try {
      const response = await fetch(this.url, { headers: { Accept: "application/json" } });
      return response.ok ? await response.json() : null;
    } catch {
      return null;
    }
  }

  /** The state that is shown now, for tests. */
  state() {
    return this.dataset.state;
  }

  show({ state, reason, url, pid }) {
    this.dataset.state = state;
    const cover = this.querySelector("[data-cover]");
    const ready = state === "ready";
    if (ready) this.frame(url, pid);
    cover.hidden = ready;
    cover.querySelector("[data-words]").textContent = WORDS[state] ?? "";
    cover.querySelector("[data-spinner]").hidden = state === "failed";
    cover.querySelector("[data-retry]").hidden = state !== "failed";
    const why = cover.querySelector("[data-reason]");
    why.hidden = !reason || ready;
    why.textContent = reason ?? "";
    if (ready || state === "failed") this.dataset.ready = "1";
  }

  /** Show that process; another pid means a new process, and the frame is loaded again. */
  frame(url, pid) {
    if (this.shown === pid) return;
    this.shown = pid;
    firstSettings();
    this.querySelector("iframe")?.remove();
    const frame = document.createElement("iframe");
    frame.title = "TensorBoard";
    frame.setAttribute("sandbox", "allow-scripts allow-same-origin allow-downloads");
    frame.src = `${url ?? this.dataset.url}?darkMode=${dark()}`;
    this.querySelector(".board").prepend(frame);
  }
}

export function installBoards() {
  customElements.define("danlu-board", Board);
}
