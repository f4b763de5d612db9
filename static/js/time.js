// <danlu-time datetime="2026-01-02T03:04:05Z">: "3 minutes ago", kept current; the absolute time is its title.
// With mode="duration" it counts from datetime to `until`, or to now: "2 m 14 s".
const UNITS = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang || undefined, { numeric: "auto" });
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const shown = new Set();
let timer = 0;

/**
 * Seconds as words relative to now.
 * @param {number} seconds negative in the past
 * @returns {string} such as "5 minutes ago"
 */
export function relativeTime(seconds) {
  if (Math.abs(seconds) < 5) return "now";
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return "now";
}

/**
 * A length of time in at most two units.
 * @param {number} seconds
 * @returns {string} such as "1 h 4 m", "2.4 s" or "350 ms"
 */
export function duration(seconds) {
  const s = Math.max(0, seconds);
  if (s < 1) return `${Math.round(s * 1000)} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${Math.floor(s % 60)} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} m`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

class Time extends HTMLElement {
  static observedAttributes = ["datetime", "mode", "until"];

  constructor() {
    super();
    // In a shadow root, so that a morph which brings the server's text again does not make it flicker.
    this.attachShadow({ mode: "open" });
  }

  connectedCallback() {
    shown.add(this);
    this.update();
    schedule();
  }

  disconnectedCallback() {
    shown.delete(this);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.update();
  }

  /** Write the text for this moment. */
  update() {
    const at = Date.parse(this.getAttribute("datetime") ?? "");
    if (Number.isNaN(at)) {
      this.shadowRoot.replaceChildren(document.createElement("slot"));
      return;
    }
    const until = Date.parse(this.getAttribute("until") ?? "");
    const end = Number.isNaN(until) ? Date.now() : until;
    const text = this.getAttribute("mode") === "duration" ? duration((end - at) / 1000) : relativeTime((at - end) / 1000);
    if (this.shadowRoot.textContent !== text) this.shadowRoot.textContent = text;
    this.title = absolute.format(at);
    this.dataset.ready = "1";
  }
}

/** One timer for all: every second while something is younger than two minutes, else every 20 s. */
function schedule() {
  clearTimeout(timer);
  if (!shown.size) return;
  const young = [...shown].some((element) => {
    const age = Math.abs(Date.now() - Date.parse(element.getAttribute("datetime")));
    return age < 120_000 || (element.getAttribute("mode") === "duration" && !element.hasAttribute("until"));
  });
  timer = setTimeout(tick, young ? 1000 : 20_000);
}

function tick() {
  if (document.visibilityState !== "hidden") for (const element of shown) element.update();
  schedule();
}

document.addEventListener("visibilitychange", tick);
customElements.define("danlu-time", Time);
