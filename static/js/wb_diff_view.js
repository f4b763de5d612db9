// What two runs differ in: fetched in two goes (the outputs take longest) and shown part by part.
import "./chart.js";
import { make } from "./dom.js";
import { codePart, environmentPart, logPart, metricsPart, valuesPart } from "./wb_diff_parts.js";

/** The comparison of two runs inside of `host`. */
export class Difference {
  #abort = null;
  #logAbort = null;

  /**
   * @param {HTMLElement} host
   * @param {{colour: (id: number) => {colour: number, dash: number}, masked: () => boolean, mask: (on: boolean) => void}} how
   */
  constructor(host, how) {
    this.host = host;
    this.how = how;
  }

  stop() {
    this.#abort?.abort();
    this.#logAbort?.abort();
  }

  /** Show these two. */
  async open(a, b) {
    if (this.a === a && this.b === b) return;
    this.stop();
    [this.a, this.b] = [a, b];
    this.#abort = new AbortController();
    delete this.host.dataset.ready;
    this.host.setAttribute("aria-busy", "true");
    const found = await this.#get(["values", "code", "environment"], this.#abort.signal);
    if (!found || this.a !== a || this.b !== b) return;
    this.#draw(found);
    await this.log();
  }

  /** Compare the outputs, as the state says. */
  async log() {
    if (!this.logBody) return;
    this.#logAbort?.abort();
    const { signal } = (this.#logAbort = new AbortController());
    this.logBody.setAttribute("aria-busy", "true");
    const found = await this.#get(["log"], signal);
    if (!found || signal.aborted) return;
    this.logBody.removeAttribute("aria-busy");
    logPart(this.logBody, this.logSummary, found, this.how);
    this.host.dataset.ready = "1";
  }

  async #get(parts, signal) {
    const query = new URLSearchParams({ a: this.a, b: this.b });
    for (const part of parts) query.append("part", part);
    if (this.how.masked()) query.set("mask", "true");
    try {
      const response = await fetch(`/api/v1/compare/diff?${query}`, { headers: { Accept: "application/json" }, signal });
      if (response.ok) return await response.json();
      const body = await response.json().catch(() => ({}));
      this.#broken(body.detail ?? `The server answered ${response.status}.`);
    } catch (error) {
      if (!signal.aborted) this.#broken("The server does not answer. Is it still running?", error);
    }
    return null;
  }

  #broken(text) {
    this.host.removeAttribute("aria-busy");
    const again = make("button", { class: "btn small", type: "button", onclick: () => {
      const [a, b] = [this.a, this.b];
      this.a = this.b = null;
      this.open(a, b);
    } }, "Try again");
    const box = make("div", { class: "banner", "data-kind": "error", role: "alert" }, make("p", {}, text), again);
    this.logBody = null;
    this.host.replaceChildren(box);
    this.host.dataset.ready = "1";
  }

  #draw(found) {
    const { how } = this;
    const sides = [found.a, found.b].map((run, at) => head(run, "AB"[at], how.colour(run.id)));
    const differing = found.params.filter((row) => row.differs).length;
    const settings = found.settings.filter((row) => row.differs).length;
    const log = fold("Output", "comparing…", make("p", { class: "muted diff-note" }, "The outputs are being compared…"), true);
    this.logBody = log.body;
    this.logSummary = log.count;
    const curves = document.createElement("danlu-curves");
    curves.setAttribute("run", `${found.a.id},${found.b.id}`);
    curves.setAttribute("labels", JSON.stringify(Object.fromEntries([found.a, found.b].map((run) => [run.id, `${run.name} #${run.id}`]))));
    this.host.removeAttribute("aria-busy");
    this.host.replaceChildren(
      make("div", { class: "diff-sides" }, ...sides),
      fold("Params", `${differing} of ${found.params.length} differ`, valuesPart(found.params, "Param"), true).element,
      fold("Metrics", `${found.metrics.length}`, metricsPart(found.metrics), true).element,
      fold("Code", codeWords(found.code), codePart(found), found.code.same !== true).element,
      fold("Environment", environmentWords(found.environment), environmentPart(found.environment), true).element,
      fold("Settings", `${settings} of ${found.settings.length} differ`, valuesPart(found.settings, "Setting"), false).element,
      log.element,
      fold("Curves", "", make("div", { class: "diff-curves" }, curves), true).element,
    );
  }
}

function head(run, side, { colour, dash }) {
  return make("div", { class: "diff-side" },
    make("span", { class: "ab", "aria-hidden": "true" }, side),
    make("span", { class: "swatch", "data-colour": String(colour), "data-dash": String(dash) }),
    make("span", { class: "visually-hidden" }, `Run ${side}: `),
    make("a", { href: `/runs/${run.id}` }, make("bdi", {}, run.name), ` #${run.id}`),
    make("span", { class: "chip", "data-state": run.state }, run.state));
}

function fold(title, words, content, open) {
  const count = make("span", { class: "muted small" }, words);
  const body = make("div", { class: "diff-body" }, content);
  const element = make("details", { class: "card fold diff-part", open }, make("summary", {}, make("h2", {}, title), count), body);
  return { element, body, count };
}

function codeWords(code) {
  if (code.same === true) return "the same";
  if (!code.files.length) return "";
  const sum = (key) => code.files.reduce((all, file) => all + file[key], 0);
  return `${code.files.length} file${code.files.length === 1 ? "" : "s"} · +${sum("added")} −${sum("removed")}`;
}

function environmentWords(environment) {
  if (!environment) return "not recorded";
  const { added, removed, changed } = environment.packages;
  const fields = environment.fields.filter((row) => row.differs).length;
  const packages = added.length + removed.length + changed.length;
  return fields + packages ? `${fields} field${fields === 1 ? "" : "s"}, ${packages} package${packages === 1 ? "" : "s"} differ` : "the same";
}
