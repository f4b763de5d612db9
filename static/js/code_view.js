// <danlu-code>: the files of a run's code, read-only. The links in it work without scripts; here they open in the page.
// The editor is loaded when somebody looks.
import { afterPaint, make } from "./dom.js";

class CodeView extends HTMLElement {
  connectedCallback() {
    if (this.links) return;
    this.links = [...this.querySelectorAll("a[data-path]")];
    this.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-path]");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.#show(link);
    });
    const fold = this.closest("details");
    const start = () => fold.open && this.#start();
    fold.addEventListener("toggle", start);
    start();
  }

  /** The file that is open and its text, for tests. */
  state() {
    return { open: this.open, text: this.editor?.text };
  }

  async #start() {
    if (this.starting) return;
    this.starting = true;
    const { CodeEditor } = await import("./code_editor.js");
    const pane = make("div", { class: "code-pane" });
    this.querySelector("[data-frame]").append(pane);
    if (this.links.length === 1) this.querySelector("nav").hidden = true;
    this.editor = new CodeEditor(pane, { label: "Code, read only", readOnly: true });
    await this.#show(this.links.find((link) => link.dataset.first !== undefined) ?? this.links[0]);
    afterPaint(() => (this.dataset.ready = "1"));
  }

  async #show(link) {
    if (!link) return;
    const path = link.dataset.path;
    const answer = await fetch(link.href).catch(() => null);
    const kind = answer?.headers.get("content-type") ?? "";
    const text = answer?.ok && !kind.includes("json") ? await answer.text() : "";
    const words = answer?.ok ? text : ((await answer?.json().catch(() => null))?.detail ?? "The server does not answer.");
    this.open = path;
    this.editor.open(answer?.ok ? path : "", words.includes("\0") ? `${path} is not text.` : words);
    for (const one of this.links) {
      if (one === link) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
    }
  }
}

customElements.define("danlu-code", CodeView);
