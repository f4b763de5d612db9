// <danlu-time datetime="2026-01-02T03:04:05Z">: "3 minutes ago", kept current; the absolute time is its title.
// With mode="short" it is "3m ago", for tables. With mode="duration" it counts from datetime to `until`, or to now:
// "2 m 14 s".
const DAY = 86_400;
// unit, its length, and from how many seconds on it is used: what ends "after 90 days" ends in 90 days
const UNITS = [
  ["year", 365.25 * DAY, 2 * 365.25 * DAY],
  ["month", 30.4375 * DAY, 100 * DAY],
  ["day", DAY, DAY],
  ["hour", 3600, 3600],
  ["minute", 60, 60],
  ["second", 1, 1],
];
const [relative, narrow] = ["long", "narrow"].map((style) => new Intl.RelativeTimeFormat(document.documentElement.lang || undefined, { numeric: "auto", style }));
const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const shown = new Set();
let timer = 0;

/**
 * Seconds as words relative to now.
 * @param {number} seconds negative in the past
 * @param {boolean} [short] "5m ago"
 * @returns {string} such as "5 minutes ago"
 */
export function relativeTime(seconds, short = false) {
  const away = Math.abs(seconds);
  if (away < 5) return "now";
  for (const [unit, size, from] of UNITS) {
    // days and more are rounded: a minute after it was made, a token of 90 days ends in 90 days
    const round = size < DAY ? Math.trunc : Math.round;
    if (away >= from) return (short ? narrow : relative).format(round(seconds / size), unit);
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
    const mode = this.getAttribute("mode");
    const text = mode === "duration" ? duration((end - at) / 1000) : relativeTime((at - end) / 1000, mode === "short");
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
