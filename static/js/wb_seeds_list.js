// The groups of the seeds pane, one line each: what it is, its numbers, a strip of its seeds, and a button for more.
import { number } from "./chart_format.js";
import { make } from "./dom.js";
import { kept } from "./wb_seeds_focus.js";

const FIRST = 40;
const WIDTH = 320;
const HEIGHT = 34;
const PAD = 8;
const SVG = "http://www.w3.org/2000/svg";

/**
 * Fill `host` with the groups.
 * @param {HTMLElement} host
 * @param {object} body the server's answer
 * @param {{chosen: number[], choose: (group) => void, more: (group, count) => void, colour: (id) => object}} how
 */
export function groupList(host, body, how) {
  const open = new Set([...host.querySelectorAll("details[open]")].map((one) => one.dataset.key));
  const all = host.dataset.all === "1";
  const shown = all ? body.groups : body.groups.slice(0, FIRST);
  const scale = scaleOf(shown);
  const list = make("ul", { class: "seeds-list", role: "list" }, ...shown.map((group) => line(group, scale, open.has(group.key), how)));
  const parts = [];
  if (shown.length) {
    list.prepend(axis(scale));
    parts.push(list);
  }
  const hidden = body.groups.length - shown.length + body.more;
  if (hidden && !all) parts.push(make("button", { class: "btn small", type: "button", onclick: () => {
    host.dataset.all = "1";
    groupList(host, body, how);
  } }, `${hidden} more group${hidden === 1 ? "" : "s"}`));
  else if (body.more) parts.push(make("p", { class: "small muted" }, `${body.more} groups are not listed; filter the runs.`));
  kept(host, () => host.replaceChildren(...parts));
}

function line(group, scale, open, { chosen, choose, more, colour }) {
  const at = chosen.findIndex((run) => group.runs.some(({ id }) => id === run));
  const box = make("input", { type: "checkbox", checked: at >= 0, onchange: () => choose(group), "data-key": `choose-${group.key}`, "aria-label": `Compare ${group.label}` });
  const side = make("span", { class: "ab", hidden: at < 0, "aria-hidden": "true" }, "AB"[at] ?? "");
  const queue = make("button", { class: "btn small", type: "button", "data-key": `more-${group.key}`, onclick: () => more(group, 3) }, "Queue 3 more seeds", make("span", { class: "visually-hidden" }, ` of ${group.label}`));
  const summary = make("summary", { "data-key": `open-${group.key}` }, runWords(group));
  return make("li", { class: "seeds-group", "data-group": group.key },
    make("label", { class: "seeds-name" }, box, side, make("span", { class: "seeds-label" }, group.label)),
    make("div", { class: "seeds-numbers mono" }, numbers(group)),
    strip(group, scale, colour),
    queue,
    make("details", { class: "fold seeds-runs", open, "data-key": group.key }, summary, runTable(group, colour)));
}

function numbers({ n, mean, sd, low, high }) {
  if (!n) return make("span", { class: "muted" }, "no value yet");
  const spread = sd === null ? "" : ` ± ${short(sd, 2)}`;
  return make("span", {}, make("b", {}, short(mean)), spread, make("span", { class: "muted" }, low === null ? "" : ` [${short(low)}, ${short(high)}]`));
}

/** A number with as many digits as a mean of a few seeds deserves. */
function short(value, digits = 4) {
  return number(Number(value.toPrecision(digits)));
}

function runWords({ n, left_out: out }) {
  const others = Object.entries(out).map(([why, count]) => `${count} ${why}`);
  return make("span", { class: "small" }, `n = ${n}`, make("span", { class: "muted" }, others.length ? ` · left out: ${others.join(", ")}` : ""));
}

function runTable(group, colour) {
  const rows = group.runs.map((run) => {
    const { colour: index, dash } = colour(run.id);
    return make("tr", {},
      make("th", { scope: "row" }, make("span", { class: "swatch", "data-colour": String(index), "data-dash": String(dash) }), " ", make("a", { href: `/runs/${run.id}` }, make("bdi", {}, run.name), ` #${run.id}`)),
      make("td", { class: "num mono" }, run.seed === null ? "unknown" : String(run.seed)),
      make("td", { class: "num mono" }, run.value === null ? "—" : number(run.value)),
      make("td", {}, run.left_out ?? ""));
  });
  const head = make("tr", {}, make("th", { scope: "col" }, "Run"), make("th", { scope: "col", class: "num" }, "Seed"), make("th", { scope: "col", class: "num" }, "Value"), make("th", { scope: "col" }, "Left out"));
  return make("div", { class: "table-wrap", tabIndex: 0, role: "region", "aria-label": `Runs of ${group.label}` }, make("table", { class: "table" }, make("thead", {}, head), make("tbody", {}, ...rows)));
}

/** One scale for all strips, so that the eye can compare them. */
function scaleOf(groups) {
  const values = groups.flatMap((group) => group.runs.filter((run) => run.left_out === null).map((run) => run.value));
  let low = values.length ? Math.min(...values) : 0;
  let high = values.length ? Math.max(...values) : 1;
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 10, high + Math.abs(high || 1) / 10];
  return { low, high, x: (value) => PAD + ((value - low) / (high - low)) * (WIDTH - 2 * PAD) };
}

function axis({ low, high }) {
  return make("li", { class: "seeds-axis mono small muted", "aria-hidden": "true" }, make("div", {}, ...[low, (low + high) / 2, high].map((value) => make("span", {}, short(value)))));
}

/** A dot for each seed, the mean and its interval. */
function strip(group, scale, colour) {
  const counted = group.runs.filter((run) => run.left_out === null);
  const words = counted.length ? `${counted.length} seed${counted.length === 1 ? "" : "s"} from ${number(Math.min(...counted.map((run) => run.value)))} to ${number(Math.max(...counted.map((run) => run.value)))}, mean ${number(group.mean)}` : "No seed has a value yet";
  const root = draw("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "seeds-strip", role: "img", "aria-label": words });
  root.append(draw("line", { class: "seeds-rule", x1: 0, x2: WIDTH, y1: HEIGHT / 2, y2: HEIGHT / 2 }));
  if (group.low !== null) root.append(draw("line", { class: "seeds-interval", x1: scale.x(group.low), x2: scale.x(group.high), y1: HEIGHT / 2, y2: HEIGHT / 2 }));
  counted.forEach((run, at) => {
    // a fixed up and down, so that equal values stay apart and nothing jumps
    const y = HEIGHT / 2 + (counted.length > 1 ? (at % 3) - 1 : 0) * 7;
    const dot = draw("line", { class: "seeds-dot", x1: scale.x(run.value), x2: scale.x(run.value), y1: y, y2: y, "data-colour": colour(run.id).colour });
    const title = draw("title", {});
    title.textContent = `#${run.id}, seed ${run.seed ?? "unknown"}: ${number(run.value)}`;
    dot.append(title);
    root.append(dot);
  });
  if (group.n) root.append(draw("line", { class: "seeds-mean", x1: scale.x(group.mean), x2: scale.x(group.mean), y1: 3, y2: HEIGHT - 3 }));
  return root;
}

function draw(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
