// <danlu-script>: the code of the new-run page. An editor over the files of an upload or over a script that is typed;
// what was changed goes with the form as JSON, and the parts that follow it are read again by the server.
import { CodeEditor } from "./code_editor.js";
import { afterPaint, bytes, make } from "./dom.js";
import { Draft } from "./draft.js";
import { FileList } from "./script_files.js";
import { Follower } from "./script_follow.js";
import { itemsOf, takeFile, takeItems, takeList } from "./script_upload.js";

const MOST = 900_000; // characters; the server takes forms of a megabyte
const HINT = "# Paste a script here, or drop a .py file, a .zip or a whole folder.\n# Anything that runs as `python train.py` runs here, unchanged.";

class Script extends HTMLElement {
  connectedCallback() {
    if (this.editor) return;
    this.form = this.closest("form");
    this.limit = Number(this.dataset.limit);
    this.base = null; // JSON of the snapshot below
    this.edits = new Map();
    this.originals = new Map(); // texts of the snapshot's files as they were opened
    this.left = [];
    this.draft = new Draft(this.form.elements.parent ? `script from ${this.form.elements.parent.value}` : "script");
    this.#build();
    this.follow = new Follower(this);
    this.#begin().finally(() => afterPaint(() => (this.dataset.ready = "1")));
  }

  /** What is shown, for tests. */
  state() {
    return { snapshot: this.base?.id ?? null, open: this.open, edits: [...this.edits.keys()], text: this.editor.text, left: this.left };
  }

  #build() {
    const area = this.querySelector("textarea");
    this.initial = area.value;
    area.disabled = true;
    area.hidden = true;
    this.edited = make("input", { type: "hidden", name: "edits" });
    this.filename = this.form.elements.filename;
    this.filename.addEventListener("change", () => this.#rename());
    this.files = new FileList((path) => this.show(path));
    const pane = make("div", { class: "code-pane" });
    this.querySelector("[data-frame]").append(this.files.element, pane);
    this.editor = new CodeEditor(pane, {
      label: "Code", name: this.filename.value, hint: HINT, changed: () => this.#changed(), submit: () => this.follow.submit(),
    });
    this.message = make("p", { class: "code-message", role: "alert" });
    this.message.hidden = true;
    this.leftOut = make("details", { class: "fold code-left" });
    this.leftOut.hidden = true;
    this.querySelector("[data-frame]").after(this.message, this.leftOut);
    this.append(this.edited);
    this.#tools();
    this.#drops();
  }

  #tools() {
    const file = make("input", { type: "file", accept: ".py,.sh,.zip,.tgz,.tar.gz,.gz", tabIndex: -1, hidden: true });
    const folder = make("input", { type: "file", webkitdirectory: true, tabIndex: -1, hidden: true });
    file.setAttribute("aria-label", "A file");
    folder.setAttribute("aria-label", "A folder");
    file.addEventListener("change", () => file.files[0] && this.#take((say) => takeFile(file.files[0], this.limit, say)).then(() => (file.value = "")));
    folder.addEventListener("change", () => folder.files[0] && this.#take((say) => takeList(folder.files, this.limit, say)).then(() => (folder.value = "")));
    const tools = this.querySelector("[data-tools]");
    tools.append(file, folder);
    tools.querySelector('[data-pick="file"]').addEventListener("click", () => file.click());
    tools.querySelector('[data-pick="folder"]').addEventListener("click", () => folder.click());
    tools.querySelector("[data-over]").addEventListener("click", () => this.#startOver());
  }

  #drops() {
    // anywhere: a drop beside the editor would otherwise leave the page for the file
    const card = this.closest(".card");
    const page = document.documentElement;
    const files = (event) => event.dataTransfer?.types.includes("Files");
    let depth = 0;
    const mark = (by) => {
      depth = Math.max(0, depth + by);
      card.classList.toggle("dropping", depth > 0);
    };
    page.addEventListener("dragenter", (event) => files(event) && mark(1));
    page.addEventListener("dragleave", (event) => files(event) && mark(-1));
    page.addEventListener("dragover", (event) => files(event) && event.preventDefault());
    // before the editor, which would insert the file's text
    page.addEventListener("drop", (event) => {
      if (!files(event)) return;
      event.preventDefault();
      event.stopPropagation();
      mark(-depth);
      const items = itemsOf(event.dataTransfer);
      this.#take((say) => takeItems(items, this.limit, say));
    }, true);
  }

  /** Begin with what this tab had, with another run's code, or with nothing. */
  async #begin() {
    const kept = this.hasAttribute("data-restore") ? this.draft.read() : null;
    const base = kept ? kept.snapshot : this.form.elements.snapshot.value;
    if (kept) {
      this.filename.value = kept.filename;
      this.left = kept.left ?? [];
      for (const [path, text] of kept.edits) this.edits.set(path, text);
      this.follow.restore(kept.values);
    } else if (this.initial) this.edits.set(this.filename.value, this.initial);
    if (base) await this.#load(base);
    await this.show(kept?.open ?? this.#entrypoint() ?? this.filename.value);
    if (kept) this.follow.read();
    if (kept?.edits.length) this.#say("What you wrote in this tab is back. Start over throws it away.");
    this.#told();
  }

  #entrypoint() {
    return this.base ? (this.form.elements.entrypoint?.value || this.base.entrypoints[0] || this.base.files[0]?.path) : null;
  }

  async #load(id) {
    const response = await fetch(`/api/v1/snapshots/${id}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (response?.ok) this.base = listed(await response.json());
    else this.#say("The files that were uploaded are not on the server any more: drop them again.", "error");
    this.form.elements.snapshot.value = this.base?.id ?? "";
  }

  /** Take what `taking` gives: text for the editor or a snapshot. */
  async #take(taking) {
    this.toggleAttribute("aria-busy", true);
    try {
      const taken = await taking((words) => this.#say(words));
      this.#say("");
      if (taken.snapshot) await this.#rebase(taken);
      else this.#type(taken);
    } catch (error) {
      this.#say(error.message, "error");
    } finally {
      this.toggleAttribute("aria-busy", false);
    }
  }

  #type({ name, text }) {
    this.base = null;
    this.left = [];
    this.edits.clear();
    this.originals.clear();
    this.filename.value = name;
    this.form.elements.snapshot.value = "";
    this.open = name;
    this.edits.set(name, text.replaceAll("\r\n", "\n"));
    this.editor.replace(name, this.edits.get(name));
    this.#told();
    this.follow.read();
  }

  async #rebase({ snapshot, left }) {
    this.edits.clear();
    this.originals.clear();
    this.left = left;
    await this.#load(snapshot.id);
    if (!this.base) return;
    if (this.form.elements.entrypoint?.type === "hidden") this.form.elements.entrypoint.value = "";
    await this.show(snapshot.entrypoints[0] ?? this.base.files[0].path);
    this.follow.read();
  }

  #startOver() {
    this.#say("");
    if (this.form.elements.parent) {
      this.follow.forget();
      location.reload();
      return;
    }
    this.#type({ name: "train.py", text: "" });
    this.edits.clear();
    this.follow.read();
    this.editor.focus();
  }

  /** Show a file in the editor. */
  async show(path) {
    let text = this.edits.get(path);
    if (this.base && text === undefined) {
      text = this.originals.get(path) ?? (await this.#fetch(path));
      if (text === null) return;
      this.originals.set(path, text);
    }
    this.open = path;
    // what is not UTF-8 was not read as it is, and must not be written back
    const foreign = text?.includes("\uFFFD") && !this.edits.has(path);
    if (foreign) this.#say(`${path} is not UTF-8: it can be run, but not be changed here.`);
    this.editor.open(path, text ?? "", foreign);
    this.#told();
    this.follow.marks();
  }

  async #fetch(path) {
    const address = path.split("/").map(encodeURIComponent).join("/");
    const response = await fetch(`/api/v1/snapshots/${this.base.id}/files/${address}`).catch(() => null);
    const text = response?.ok ? await response.text() : "";
    if (text.includes("\0")) {
      this.#say(`${path} is not text.`);
      return null;
    }
    if (response?.ok) return text.replaceAll("\r\n", "\n");
    const answer = await response?.json().catch(() => null);
    this.#say(answer?.detail ?? `${path} could not be read.`, "error");
    return null;
  }

  #changed() {
    if (this.message.dataset.kind === "info") this.#say("");
    const text = this.editor.text;
    if (this.base && text === this.originals.get(this.open)) this.edits.delete(this.open);
    else this.edits.set(this.open, text);
    this.files.changed(this.edits);
    this.follow.typed();
  }

  #rename() {
    const name = this.filename.value.trim() || "train.py";
    this.filename.value = name;
    this.edits = new Map([[name, this.editor.text]]);
    this.open = name;
    this.editor.rename(name);
    this.follow.read();
  }

  /** Put what was changed into the form. */
  sync() {
    this.edited.value = JSON.stringify(Object.fromEntries(this.edits));
    if (this.edited.value.length > MOST) this.#say("That is more than the editor can send: save it as a file, and upload that.", "error");
  }

  /** Keep the draft in this tab. */
  keep(values) {
    const state = { snapshot: this.base?.id ?? "", filename: this.filename.value, open: this.open, edits: [...this.edits], left: this.left, values };
    if (!this.draft.write(state) && !this.warned) {
      this.warned = true;
      this.#say("This browser has no room to keep the draft: it is lost when the page is closed.", "info");
    }
  }

  #say(words, kind = "info") {
    this.message.hidden = !words;
    this.message.dataset.kind = kind;
    this.message.textContent = words;
  }

  #told() {
    this.filename.hidden = Boolean(this.base);
    this.querySelector("[data-open]").textContent = this.base ? this.open : "";
    this.files.show(this.base?.files.length > 1 ? this.base.files : [], this.open);
    this.files.changed(this.edits);
    this.leftOut.hidden = !this.left.length;
    const total = this.left.length;
    const known = this.left.reduce((sum, { size }) => sum + (size ?? 0), 0);
    this.leftOut.replaceChildren(
      make("summary", {}, `${this.base?.files.length ?? 0} files, ${bytes(this.base?.size ?? 0)}; ${total} left out${known ? ` (${bytes(known)})` : ""}`),
      make("ul", { class: "list small muted" }, ...this.left.map(({ path, why, size }) => make("li", {}, make("span", { class: "mono" }, path), ` ${why}${size ? `, ${bytes(size)}` : ""}`))),
    );
  }
}

/** A snapshot's JSON with its files as a list of {path, size}, and not only their number. */
function listed(json) {
  return { ...json, files: json.listing };
}

customElements.define("danlu-script", Script);
