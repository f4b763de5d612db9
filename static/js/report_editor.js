// <danlu-report-editor data-id data-experiment>: writing a report, with an editor at the left and what it becomes at the
// right. Without scripts the form inside does the same without a preview.
import { CodeEditor } from "./code_editor.js";
import { afterPaint, make } from "./dom.js";
import "./report_chart.js";
import { toast } from "./toast.js";

const SETTLE_MS = 400;
const HINT = "# What was found\n\nMarkdown; insert charts with the button above.";

class ReportEditor extends HTMLElement {
  connectedCallback() {
    if (this.editor) return;
    this.form = this.querySelector("form");
    this.area = this.form.elements.body;
    this.box = this.querySelector("[data-preview]");
    this.status = this.querySelector("[data-status]");
    this.saved = { title: this.form.elements.title.value, body: this.area.value };
    this.abort = new AbortController();
    this.#build();
    this.#preview().finally(() => afterPaint(() => (this.dataset.ready = "1")));
  }

  disconnectedCallback() {
    this.abort.abort();
  }

  /** For tests. */
  state() {
    return { text: this.editor.text, saved: !this.#dirty() };
  }

  #build() {
    this.area.hidden = true;
    const label = this.querySelector('label[for="report-body"]');
    label.hidden = true;
    const pane = make("div", { class: "code-pane" });
    this.querySelector("[data-frame]").append(pane);
    this.editor = new CodeEditor(pane, { label: "Markdown", name: "report.md", text: this.area.value, wrap: true, hint: HINT, changed: () => this.#changed(), submit: () => this.#save() });
    this.box.hidden = false;
    this.querySelector("[data-tools]").hidden = false;
    this.querySelector("[data-take]").hidden = false;
    this.addEventListener("click", (event) => {
      const insert = event.target.closest("[data-insert]");
      if (insert) this.#insert(insert.dataset.insert);
      if (event.target.closest("[data-take]")) this.#take();
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    this.form.elements.title.addEventListener("input", () => this.#told());
    window.addEventListener("beforeunload", (event) => this.#dirty() && event.preventDefault(), { signal: this.abort.signal });
  }

  #dirty() {
    return this.editor.text !== this.saved.body || this.form.elements.title.value !== this.saved.title;
  }

  #changed() {
    this.#told();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#preview(), SETTLE_MS);
  }

  #told() {
    this.status.textContent = this.#dirty() ? "not saved" : "saved";
  }

  async #preview() {
    const body = this.editor.text;
    this.asked?.abort();
    this.asked = new AbortController();
    const answer = await fetch("/api/v1/reports/preview", {
      method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, signal: this.asked.signal,
      body: JSON.stringify({ body, experiment: this.dataset.experiment ?? null }),
    }).catch(() => null);
    if (!answer?.ok) return;
    const { html } = await answer.json();
    this.#show(new DOMParser().parseFromString(html, "text/html").body);
  }

  /** Put the new preview in; charts that show the same as before stay as they are. */
  #show(fresh) {
    const key = (chart) => JSON.stringify({ ...chart.dataset, ready: "" });
    const old = new Map([...this.box.querySelectorAll("danlu-report-chart")].map((chart) => [key(chart), chart]));
    const top = this.box.scrollTop;
    for (const chart of fresh.querySelectorAll("danlu-report-chart")) {
      const known = old.get(key(chart));
      if (!known) continue;
      old.delete(key(chart));
      chart.replaceWith(known);
    }
    const nodes = [...fresh.childNodes];
    this.box.replaceChildren(...(nodes.length ? nodes : [make("p", { class: "muted" }, "What you write shows here.")]));
    this.box.scrollTop = top;
  }

  #insert(kind) {
    const view = this.querySelector("#report-view").value;
    const inside = view ? `view: ${view}` : kind === "danlu-runs" ? "limit: 10" : "query: sort=-created";
    const { state } = this.editor.view;
    const at = state.doc.lineAt(state.selection.main.head);
    const before = at.length ? "\n\n" : "";
    const block = `${before}\`\`\`${kind}\n${inside}\n\`\`\`\n`;
    this.editor.view.dispatch({ changes: { from: at.to, insert: block }, selection: { anchor: at.to + block.length }, scrollIntoView: true });
    this.editor.focus();
  }

  async #save() {
    const title = this.form.elements.title.value.trim();
    const body = this.editor.text;
    if (!this.form.reportValidity()) return;
    this.status.textContent = "saving…";
    const answer = await fetch(`/api/v1/reports/${this.dataset.id}`, {
      method: "PATCH", headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ title, body, updated_at: this.form.elements.updated_at.value }),
    }).catch(() => null);
    const said = await answer?.json().catch(() => null);
    if (answer?.ok) {
      this.form.elements.updated_at.value = said.updated_at;
      this.form.elements.title.value = title;
      this.saved = { title, body };
      this.querySelector("[data-conflict]").hidden = true;
    } else if (answer?.status === 409 && said?.present) this.#conflict(said.present);
    else toast(said?.detail ?? "The server does not answer; what you wrote is still here.", "error");
    this.#told();
  }

  #conflict(present) {
    this.present = present;
    this.form.elements.updated_at.value = present.updated_at;
    const box = this.querySelector("[data-conflict]");
    box.querySelector("[data-theirs]").textContent = present.title === this.saved.title ? present.body : `${present.title}\n\n${present.body}`;
    box.hidden = false;
    box.querySelector("[data-theirs]").focus();
  }

  #take() {
    const theirs = this.present ?? { title: this.form.elements.title.value, body: this.querySelector("[data-theirs]").textContent };
    this.form.elements.title.value = theirs.title;
    this.editor.replace("report.md", theirs.body);
    this.saved = { title: theirs.title, body: theirs.body };
    this.querySelector("[data-conflict]").hidden = true;
    this.#changed();
    this.editor.focus();
  }
}

customElements.define("danlu-report-editor", ReportEditor);
