// Whether two groups of seeds differ: the difference with its interval, the test with its numbers, and never more than that.
import { number } from "./chart_format.js";
import { make } from "./dom.js";

const VERDICTS = { different: "Different", "not shown": "Not shown" };

/** The card of the comparison, in a list; a hint where two groups are still to be chosen; nothing where there is one. */
export function comparisonCard({ comparison, groups, metric, value }, more) {
  if (metric === null) return []; // there is nothing to compare
  if (!comparison) {
    if (groups.length < 2) return [];
    return [make("p", { class: "muted small" }, "Tick two groups to see whether the difference between them is more than chance.")];
  }
  const [a, b] = [comparison.a, comparison.b].map((key) => groups.find((group) => group.key === key));
  const summary = value === "last" ? metric : `${value} of ${metric}`;
  const parts = [
    make("p", {}, make("span", { class: "ab" }, "B"), ` ${b?.label ?? ""} less `, make("span", { class: "ab" }, "A"), ` ${a?.label ?? ""}`, make("span", { class: "muted" }, `, ${summary}`)),
    make("p", { class: "seeds-difference" }, make("b", {}, signed(comparison.mean)), make("span", { class: "muted" }, intervalWords(comparison))),
    make("p", {}, verdict(comparison), " ", comparison.note),
    make("p", { class: "small muted" }, testWords(comparison)),
  ];
  const buttons = [a, b].flatMap((group, at) => (group && comparison.needed[at] ? [
    make("button", { class: "btn small", type: "button", onclick: () => more(group, comparison.needed[at]) }, `Queue ${comparison.needed[at]} more of ${"AB"[at]}`),
  ] : []));
  if (buttons.length) parts.push(make("div", { class: "row" }, ...buttons));
  return [make("section", { class: "card card-body stack tight seeds-test", "aria-label": "Difference of the two groups" }, ...parts)];
}

function verdict({ verdict: word }) {
  const state = word === "different" ? "succeeded" : word ? "queued" : "cancelled";
  return make("span", { class: "tag seeds-verdict", "data-state": state }, VERDICTS[word] ?? "No verdict");
}

function intervalWords({ low, high }) {
  return low === null ? " no interval of so few" : ` 95 % interval ${signed(low)} … ${signed(high)}`;
}

function testWords({ test, interval, n, statistic, df, p }) {
  const name = test.startsWith("Welch") ? "t" : "U";
  const found = p === null ? "not carried out" : `${name} = ${number(statistic)}${df === null ? "" : `, df = ${number(Math.round(df * 100) / 100)}`}, p = ${p < 1e-4 ? p.toExponential(1) : number(Number(p.toPrecision(3)))}`;
  return `${test}, two-sided: ${found}; n = ${n[0]} and ${n[1]}. Interval: ${interval}.`;
}

function signed(value) {
  if (value === null) return "—";
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${number(Number(Math.abs(value).toPrecision(4)))}`;
}
