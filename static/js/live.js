// The page's one live stream. It follows the union of all [data-topics] on the page, those that appear later included,
// and tells everybody by events on the body: danlu:run, danlu:metrics, danlu:log, danlu:experiment, danlu:experiments,
// danlu:workers, danlu:queue, danlu:gone (detail: the data). html[data-live] is "open", "connecting", "closed" (trying again),
// "paused" (hidden tab), "signed-out" or "off" (nothing to follow).
const URL_BASE = "/api/v1/stream";
const KINDS = ["run", "metrics", "log", "experiment", "experiments", "workers", "queue", "gone"];
const MAX_TOPICS = 64;
// The server says something at least every 15 s. A connection that died without a word (a laptop that slept) is found so.
const SILENCE_MS = 40_000;
const BACKOFF_MS = [500, 1000, 2000, 4000, 8000, 15_000];
const WORDS = {
  open: "on",
  connecting: "connecting",
  closed: "reconnecting",
  paused: "paused while the tab is hidden",
  "signed-out": "signed out",
  off: "nothing to follow",
};

const positions = new Map(); // run → offset at which its log was left
let source = null;
let followed = "";
let failures = 0;
let timer = 0;
let watchdog = 0;
let looking = 0;

/** Follow what the page names, from now until it is left. */
export function startLive() {
  new MutationObserver(lookSoon).observe(document.documentElement, {
    subtree: true,
    childList: true,
    attributes: true,
    attributeFilter: ["data-topics"],
  });
  document.addEventListener("visibilitychange", look);
  window.addEventListener("pagehide", () => close("paused"));
  window.addEventListener("pageshow", (event) => event.persisted && look());
  window.addEventListener("online", () => source === null && reconnect());
  look();
}

/** What the page wants to follow: comma separated, sorted, each once, at most 64. */
export function wantedTopics(root = document) {
  const topics = new Set();
  for (const element of root.querySelectorAll("[data-topics]")) {
    for (const topic of element.dataset.topics.split(/[\s,]+/)) if (topic) topics.add(topic);
  }
  return [...topics].slice(0, MAX_TOPICS).sort().join(",");
}

function lookSoon() {
  // A page that fills a log changes a hundred times a second; ten looks are enough.
  looking ||= setTimeout(look, 100);
}

function look() {
  clearTimeout(looking);
  looking = 0;
  const wanted = document.visibilityState === "hidden" ? "" : wantedTopics();
  if (wanted === followed && (source || timer || !wanted)) {
    if (!wanted) show(document.visibilityState === "hidden" ? "paused" : "off");
    return;
  }
  followed = wanted;
  failures = 0;
  if (wanted) open();
  else close(document.visibilityState === "hidden" ? "paused" : "off");
}

function open() {
  const again = root().dataset.live;
  close(failures || again === "closed" ? "closed" : "connecting");
  const query = new URLSearchParams({ topics: followed });
  const resume = [...positions].filter(([run]) => followed.split(",").includes(`log:${run}`));
  if (resume.length) query.set("last_event_id", resume.map(([run, offset]) => `${run}=${offset}`).join(","));
  source = new EventSource(`${URL_BASE}?${query}`);
  source.onopen = () => {
    failures = 0;
    show("open");
    alive();
  };
  source.onerror = failed;
  source.addEventListener("beat", alive);
  for (const kind of KINDS) source.addEventListener(kind, (event) => tell(kind, event));
  alive();
}

function tell(kind, event) {
  alive();
  const data = JSON.parse(event.data);
  if (kind === "log") positions.set(String(data.run), data.end);
  document.body.dispatchEvent(new CustomEvent(`danlu:${kind}`, { detail: data }));
}

function alive() {
  clearTimeout(watchdog);
  watchdog = setTimeout(failed, SILENCE_MS);
}

async function failed() {
  close("closed");
  const wait = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)];
  failures += 1;
  // Jitter: all tabs of all users lose the server at the same moment.
  timer = setTimeout(reconnect, wait * (0.75 + Math.random() / 2));
  if (failures === 2 && (await signedOut())) {
    close("signed-out");
    followed = wantedTopics();
    timer = setTimeout(reconnect, BACKOFF_MS.at(-1));
  }
}

function reconnect() {
  timer = 0;
  if (followed && document.visibilityState !== "hidden") open();
}

/** An EventSource hides the status of its answer, so ask. */
async function signedOut() {
  try {
    return (await fetch("/api/v1/me", { cache: "no-store" })).status === 401;
  } catch {
    return false; // the server is not there at all
  }
}

function close(state) {
  clearTimeout(timer);
  clearTimeout(watchdog);
  timer = 0;
  source?.close();
  source = null;
  show(state);
}

function root() {
  return document.documentElement;
}

function show(state) {
  if (root().dataset.live === state) return;
  root().dataset.live = state;
  for (const dot of document.querySelectorAll(".live")) {
    dot.title = `Live updates: ${WORDS[state]}`;
    const words = dot.querySelector(".when-closed");
    if (words && state !== "open") words.textContent = WORDS[state];
  }
  document.body.dispatchEvent(new CustomEvent("danlu:live", { detail: { state } }));
}
