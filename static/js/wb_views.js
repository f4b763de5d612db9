// <danlu-views experiment="slug" [may]>: the saved views of the workbench on this page, in a menu of its head. Without
// `experiment` those of comparisons across experiments; `may`: the user may save.
import { make } from "./dom.js";
import { ask, toast } from "./toast.js";
import { KEYS } from "./wb_keys.js";

const API = "/api/v1/views";

/** What a query says, however it is written: for telling whether two show the same. */
export function canonical(query) {
  return written(query, (key) => key !== "view");
}

function written(query, wanted) {
  const parts = [];
  for (const [key, text] of new URLSearchParams(query)) {
    if (!wanted(key)) continue;
    const kind = KEYS[key];
    const value = kind?.read(text);
    if (!kind) parts.push(`${key}=${text}`);
    else if (value !== undefined && JSON.stringify(value) !== JSON.stringify(kind.otherwise)) parts.push(`${key}=${kind.write(value)}`);
  }
  return parts.sort().join("&");
}

const foreign = (query) => written(query, (key) => !(key in KEYS));

class Views extends HTMLElement {
  async connectedCallback() {
    if (this.button) return;
    this.experiment = this.getAttribute("experiment");
    this.may = this.hasAttribute("may");
    this.items = [];
    this.abort = new AbortController();
    this.#build();
    await customElements.whenDefined("danlu-workbench");
    this.bench = document.querySelector("danlu-workbench");
    if (!this.bench?.state || this.abort.signal.aborted) return;
    this.off = this.bench.state.on("*", () => this.#told());
    await this.#load();
    this.dataset.ready = "1";
  }

  disconnectedCallback() {
    this.abort?.abort();
    this.off?.();
  }

  /** The view that is open and whether the page shows something else by now, for tests. */
  state() {
    const view = this.#open();
    return { view: view?.name ?? null, changed: Boolean(view) && this.#changed(view), names: this.items.map((one) => one.name) };
  }

  #build() {
    this.label = make("span", { class: "views-label" }, "Views");
    this.mark = make("span", { class: "views-mark", hidden: true }, "changed");
    this.button = make("button", { class: "btn views-button", type: "button", "aria-haspopup": "dialog", "aria-expanded": "false", "aria-controls": "views-panel", onclick: () => this.#toggle() }, this.label, this.mark, make("span", { class: "views-arrow", "aria-hidden": "true" }));
    this.panel = make("div", { class: "views-panel", id: "views-panel", role: "dialog", "aria-label": "Saved views", hidden: true });
    this.replaceChildren(this.button, this.panel);
    const { signal } = this.abort;
    this.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.panel.hidden) return;
      event.stopPropagation();
      if (this.renaming) this.#show();
      else this.#toggle(false);
    }, { signal });
    document.addEventListener("pointerdown", (event) => !this.panel.hidden && !this.contains(event.target) && this.#toggle(false, false), { signal });
    this.addEventListener("focusout", (event) => event.relatedTarget && !this.contains(event.relatedTarget) && this.#toggle(false, false), { signal });
  }

  async #load() {
    const query = this.experiment === null ? "" : `?experiment=${encodeURIComponent(this.experiment)}`;
    const found = await ask("GET", API + query);
    if (found) this.items = found.items;
    this.#told();
  }

  async #toggle(open = this.panel.hidden, focus = true) {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) {
      this.renaming = null;
      if (focus) this.button.focus();
      return;
    }
    this.#show();
    (this.panel.querySelector("input, a, button") ?? this.panel).focus();
    const before = JSON.stringify(this.items);
    await this.#load(); // a colleague may have saved another one
    if (!this.panel.hidden && JSON.stringify(this.items) !== before) this.#show();
  }

  #open() {
    const id = this.bench?.state?.get("view");
    return id ? this.items.find((one) => one.id === id) : undefined;
  }

  #changed(view) {
    return canonical(view.query) !== canonical(this.bench.state.query());
  }

  /** The button says which view is open and whether it still is what is shown. */
  #told() {
    const view = this.#open();
    this.label.textContent = view ? view.name : "Views";
    this.label.title = view ? `View: ${view.name}` : "";
    this.mark.hidden = !view || !this.#changed(view);
    if (!this.panel.hidden && !this.renaming) this.#marks();
  }

  #marks() {
    const view = this.#open();
    for (const row of this.panel.querySelectorAll("[data-view]")) {
      const here = Number(row.dataset.view) === view?.id;
      const link = row.querySelector("a");
      if (here) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    const update = this.panel.querySelector("[data-update]");
    if (!update) return;
    update.hidden = !view || !this.#changed(view);
    if (view) update.querySelector("[data-words]").textContent = `“${view.name}” shows something else by now.`;
  }

  #show() {
    this.renaming = null;
    const list = make("ul", { class: "views-list" }, ...this.items.map((view) => this.#row(view)));
    const none = make("p", { class: "muted small" }, this.may ? "None yet: give what you see a name." : "None yet.");
    this.panel.replaceChildren(...(this.may ? [this.#saving(), this.#updating()] : []), this.items.length ? list : none, ...this.#plain());
    this.#marks();
  }

  #saving() {
    const name = make("input", { name: "name", required: true, maxLength: 200, placeholder: "Name of a new view", "aria-label": "Name of a new view", autocomplete: "off" });
    return make("form", { class: "views-save", onsubmit: (event) => {
      event.preventDefault();
      this.#save(name.value.trim());
    } }, name, make("button", { class: "btn small primary", type: "submit" }, "Save view"));
  }

  #updating() {
    const go = (text, onclick) => make("button", { class: "btn small", type: "button", onclick }, text);
    return make("div", { class: "views-update", "data-update": "", hidden: true }, make("p", { class: "small", "data-words": "" }),
      make("div", { class: "row tight" }, go("Update it", () => this.#update()), go("Back to it", () => this.#go(this.#open()))));
  }

  #plain() {
    if (this.experiment === null) return [];
    const path = `/experiments/${this.experiment}?view=0`;
    return [make("a", { class: "views-plain small", href: path, onclick: (event) => this.#follow(event, { id: 0, query: "" }) }, "Without a view")];
  }

  #row(view) {
    const row = make("li", { "data-view": String(view.id) });
    const link = make("a", { href: view.links.page, onclick: (event) => this.#follow(event, view) }, make("bdi", {}, view.name));
    const about = view.default ? [make("span", { class: "tag" }, "default")] : [];
    const act = (text, about, onclick, kind = "") => make("button", { class: `btn small ghost ${kind}`, type: "button", "aria-label": about, onclick }, text);
    const actions = this.may ? [
      ...(this.experiment === null ? [] : [act(view.default ? "No default" : "Default", `${view.default ? "No longer the default view" : "Make the default view"}: ${view.name}`, () => this.#patch(view, { default: !view.default }))]),
      act("Rename", `Rename ${view.name}`, () => this.#rename(row, view)),
      act("Delete", `Delete ${view.name}`, (event) => this.#delete(event.target, view)),
    ] : [];
    row.append(link, ...about, make("span", { class: "views-actions" }, ...actions));
    return row;
  }

  #follow(event, view) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (foreign(view.query) !== foreign(this.bench.state.query())) return; // another page of runs: the link leads there
    event.preventDefault();
    this.#go(view);
    this.#toggle(false);
  }

  #go(view) {
    this.bench.state.open(`${view.query}&view=${view.id}`);
    this.#told();
    if (!this.panel.hidden) this.#show();
  }

  async #save(name) {
    if (!name) return;
    const made = await ask("POST", API, { name, query: this.bench.state.query(), experiment: this.experiment });
    if (!made) return;
    await this.#load();
    this.bench.state.set({ view: made.id });
    this.#toggle(false);
    toast(`The view “${made.name}” is saved.`);
  }

  async #update() {
    const view = this.#open();
    const done = await this.#patch(view, { query: this.bench.state.query() });
    if (done) toast(`The view “${view.name}” shows this now.`);
  }

  async #patch(view, change) {
    const done = await ask("PATCH", `${API}/${view.id}`, change);
    await this.#load();
    this.#show();
    (this.panel.querySelector(`[data-view="${view.id}"] a`) ?? this.button).focus();
    return done;
  }

  #rename(row, view) {
    this.renaming = view.id;
    const name = make("input", { value: view.name, maxLength: 200, required: true, "aria-label": `New name of ${view.name}` });
    const form = make("form", { class: "views-save", onsubmit: (event) => {
      event.preventDefault();
      this.#patch(view, { name: name.value.trim() });
    } }, name, make("button", { class: "btn small primary", type: "submit" }, "Rename"));
    row.replaceChildren(form);
    name.select();
  }

  async #delete(button, view) {
    if (button.dataset.sure === undefined) {
      button.dataset.sure = "";
      button.classList.add("danger");
      button.textContent = "Really delete";
      button.setAttribute("aria-label", `Really delete ${view.name}`);
      return;
    }
    if (!(await ask("DELETE", `${API}/${view.id}`))) return;
    if (this.bench.state.get("view") === view.id) this.bench.state.set({ view: 0 });
    await this.#load();
    this.#show();
    (this.panel.querySelector("input") ?? this.button).focus();
  }
}

customElements.define("danlu-views", Views);
