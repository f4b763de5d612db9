// What follows the code on the new-run page: its form, the command line and the changes, all read by the server.
const TYPED_MS = 350;
const FIELD_MS = 150;
const OURS = new Set(["code", "edits", "filename", "snapshot", "parent"]);

export class Follower {
  constructor(script) {
    this.script = script;
    this.form = script.form;
    this.form.addEventListener("input", (event) => this.#input(event));
    this.form.addEventListener("change", (event) => this.#change(event));
    this.form.addEventListener("submit", () => script.sync(), true);
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
      event.preventDefault();
      this.submit();
    });
    script.addEventListener("click", (event) => event.target.closest("[data-go]") && this.#go());
    document.body.addEventListener("htmx:after:swap", (event) => this.#swapped(event.detail?.ctx));
    document.body.addEventListener("htmx:after:request", (event) => this.#answered(event.detail?.ctx));
    addEventListener("pagehide", () => this.#keep());
    this.#compare();
  }

  /** Start the run. */
  submit() {
    const button = this.form.querySelector("button[type=submit]");
    if (!button.disabled) this.form.requestSubmit(button);
  }

  /** The code was changed: read it when the typing rests. */
  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), TYPED_MS);
  }

  /** Read the code and the form now. */
  read() {
    clearTimeout(this.timer);
    clearTimeout(this.quick);
    this.#tell("danlu:read");
  }

  #tell(name) {
    this.script.sync();
    this.#keep();
    this.form.dispatchEvent(new CustomEvent(name));
  }

  #input(event) {
    if (event.target.matches("[data-option-filter]")) return this.#filter();
    if (event.target.matches("select, [data-reads]") || this.script.contains(event.target)) return;
    this.#compare();
    clearTimeout(this.quick);
    this.quick = setTimeout(() => this.#tell("danlu:command"), FIELD_MS);
  }

  #change(event) {
    if (event.target.name === "entrypoint" && event.target.matches("select")) this.script.show(event.target.value);
    // which fields there are depends on selects: the entrypoint, a subcommand, the environment
    if (event.target.matches("select, [data-reads]")) this.read();
  }

  #keep() {
    if (this.done) return;
    const values = [...new FormData(this.form)].filter(([name, value]) => !OURS.has(name) && typeof value === "string");
    this.script.keep(values);
  }

  /** Put kept values back; those of fields that are not there yet go along as hidden inputs until the fields come. */
  restore(values) {
    const address = new URLSearchParams(location.search);
    const options = document.getElementById("script-options");
    for (const [name, value] of values) {
      if (address.has(name)) continue;
      const input = this.form.elements[name];
      const simple = input instanceof Element && !options.contains(input);
      if (simple) {
        if (input.type === "checkbox") input.checked = true;
        else input.value = value;
      } else {
        const hidden = document.createElement("input");
        Object.assign(hidden, { type: "hidden", name, value });
        options.append(hidden);
      }
    }
  }

  #swapped(ctx) {
    this.marks();
    this.#compare();
    this.#filter();
    if (ctx?.response?.status === 422 && ctx.sourceElement === this.form) this.#go();
  }

  #answered(ctx) {
    if (ctx?.sourceElement === this.form && ctx?.response?.status === 204) this.forget(); // the run has it now
  }

  /** Keep nothing of this page from now on. */
  forget() {
    this.done = true;
    this.script.draft.forget();
  }

  #error() {
    const found = document.getElementById("code-error");
    if (!found?.dataset.line || found.dataset.line === "0") return null;
    const { line, column, path, message } = found.dataset;
    return { line: Number(line), column: Number(column), path, message };
  }

  /** Mark the error of the code in the editor, when its file is open. */
  marks() {
    const error = this.#error();
    this.script.editor?.mark(error && error.path === this.script.open ? error : null);
  }

  async #go() {
    const error = this.#error();
    if (!error) {
      if (document.getElementById("code-error")) this.script.editor.focus();
      return;
    }
    if (error.path !== this.script.open) await this.script.show(error.path);
    this.script.editor.goTo(error.line, error.column);
    this.script.editor.focus();
  }

  /** Mark the fields that differ from what the script would take by itself. */
  #compare() {
    for (const before of this.form.querySelectorAll('#script-options input[name^="d."]')) {
      const field = before.nextElementSibling;
      const input = field?.querySelector("input, select, textarea");
      if (!input) continue;
      const now = input.type === "checkbox" ? String(input.checked) : input.value;
      const usual = input.type === "checkbox" ? String(before.value === "true") : before.value;
      field.classList.toggle("changed", now !== usual);
    }
  }

  #filter() {
    const box = this.form.querySelector("[data-option-filter]");
    const wanted = box?.value.trim().toLowerCase() ?? "";
    for (const field of this.form.querySelectorAll("[data-options] > .field")) {
      field.hidden = Boolean(wanted) && !field.textContent.toLowerCase().includes(wanted);
    }
  }
}
