// <danlu-import data-limit="BYTES">: sends an archive, or a folder packed here, to /api/v1/import/upload, shows how far it is, and
// what became of it. It goes on when its dialog is closed.
import { bytes, make } from "./dom.js";
import { send } from "./send.js";
import { toast } from "./toast.js";

const ARCHIVE = /\.(?:zip|tar\.gz|tgz)$/i;
const EXPORT = /-export\.zip$/i;
const SPOKEN_MS = 5000; // between two numbers that are read out

class Import extends HTMLElement {
  connectedCallback() {
    if (this.form) return;
    this.form = this.querySelector("form");
    this.limit = Number(this.dataset.limit);
    this.chosen = null; // {name, files} of a folder
    this.piece = (name) => this.querySelector(`[data-${name}]`);
    this.folder = make("input", { type: "file", webkitdirectory: true, hidden: true, tabIndex: -1, "aria-label": "A folder" });
    this.append(this.folder);
    this.piece("folder").addEventListener("click", () => this.folder.click());
    this.folder.addEventListener("change", () => this.folder.files.length && this.#chooseFolder());
    this.form.elements.file.addEventListener("change", () => this.#chooseFile());
    this.form.elements.experiment.addEventListener("input", () => (this.typed = true));
    this.piece("stop").addEventListener("click", () => this.abort?.abort());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#import();
    });
    window.addEventListener("beforeunload", (event) => this.abort && event.preventDefault());
    this.dataset.ready = "1";
  }

  #chooseFile() {
    const [file] = this.form.elements.file.files;
    this.chosen = null;
    this.piece("chosen").textContent = "";
    if (file) this.#suggest(EXPORT.test(file.name) ? "" : file.name.replace(ARCHIVE, ""));
  }

  #chooseFolder() {
    const name = this.folder.files[0].webkitRelativePath.split("/")[0];
    const all = [...this.folder.files].map((file) => ({ path: file.webkitRelativePath.slice(name.length + 1), file }));
    this.folder.value = "";
    const whole = ["manifest.json", "runs.json"].every((wanted) => all.some(({ path }) => path === wanted));
    const files = whole ? all : all.filter(({ file }) => file.name.includes("tfevents") || file.name === "hparams.yaml");
    this.form.elements.file.value = "";
    this.chosen = { name, files };
    const size = files.reduce((sum, { file }) => sum + file.size, 0);
    this.piece("chosen").textContent = `${name}: ${files.length} file${files.length === 1 ? "" : "s"}, ${bytes(size)}`;
    this.#wrong("file", files.length ? "" : `${name} has no event file: its name would have “tfevents” in it.`);
    this.#suggest(whole ? "" : name);
  }

  /** A name for the experiment, unless somebody has written one. */
  #suggest(name) {
    this.#wrong("file", "");
    if (!this.typed) this.form.elements.experiment.value = name.slice(0, 200);
  }

  async #import() {
    if (this.abort) return;
    this.#clear();
    const file = this.#file();
    if (!file) return;
    this.abort = new AbortController();
    this.#busy(true);
    try {
      const { name, body } = await file();
      if (body.size > this.limit) throw new Error(`${name} has ${bytes(body.size)}; at most ${bytes(this.limit)} can be imported.`);
      const report = await send(`/api/v1/import/upload?${this.#query(name)}`, body, { signal: this.abort.signal, sent: (done, all) => this.#sent(done, all) });
      this.#show(report);
    } catch (error) {
      this.#refused(error);
    } finally {
      this.abort = null;
      this.#busy(false);
    }
  }

  /** What gives the archive; null, with the reason beside the field, where nothing fit was chosen. */
  #file() {
    const [file] = this.form.elements.file.files;
    if (file && !ARCHIVE.test(file.name)) this.#wrong("file", `${file.name} is no archive: choose a .zip, .tar.gz or .tgz.`);
    else if (file) return async () => ({ name: file.name, body: file });
    else if (!this.chosen) this.#wrong("file", "Choose an archive, or a folder.");
    else if (this.chosen.files.length) return () => this.#pack();
    this.form.elements.file.focus();
    return null;
  }

  async #pack() {
    const { name, files } = this.chosen;
    this.#told(`Packing ${name}…`);
    const { pack, weight } = await import("./folder.js");
    if (weight(files) > this.limit) throw new Error(`${name} has ${bytes(weight(files))} of event files; at most ${bytes(this.limit)} can be imported.`);
    return { name: `${name}.zip`, body: await pack(files) };
  }

  #query(filename) {
    const { experiment, tag, per_folder: perFolder } = this.form.elements;
    const query = new URLSearchParams({ filename });
    if (experiment.value.trim()) query.set("experiment", experiment.value.trim());
    for (const one of tag.value.split(",").map((text) => text.trim()).filter(Boolean)) query.append("tag", one);
    if (perFolder.checked) query.set("per_folder", "true");
    return query;
  }

  #sent(done, all) {
    const bar = this.querySelector("progress");
    if (done < all) {
      bar.max = all;
      bar.value = done;
      this.#told(`${bytes(done)} of ${bytes(all)} sent`);
    } else {
      bar.removeAttribute("value");
      this.piece("stop").hidden = true; // the server goes on by itself from here
      this.#told("All is sent; the server reads the runs…", true);
    }
  }

  /** In words: for the eye at once, for the ear now and then. */
  #told(text, now = false) {
    this.piece("sent").textContent = text;
    if (!now && performance.now() - (this.spoken ?? -Infinity) < SPOKEN_MS) return;
    this.spoken = performance.now();
    this.piece("say").textContent = text;
  }

  #busy(yes) {
    this.piece("progress").hidden = !yes;
    this.piece("stop").hidden = !yes;
    this.piece("go").disabled = yes;
    this.toggleAttribute("aria-busy", yes);
    if (yes) {
      this.querySelector("progress").removeAttribute("value");
      this.#told("Sending…", true);
    } else this.piece("say").textContent = "";
  }

  #clear() {
    for (const name of ["refused", "result"]) this.piece(name).hidden = true;
    for (const name of ["file", "experiment", "tag"]) this.#wrong(name, "");
  }

  /** Say beside a field what is wrong with it, or that nothing is. */
  #wrong(name, text) {
    const input = this.form.elements[name];
    const id = `${input.id}-error`;
    document.getElementById(id)?.remove();
    const rest = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((one) => one && one !== id);
    if (text) {
      input.after(make("p", { class: "field-error", id }, text));
      rest.unshift(id);
    }
    if (rest.length) input.setAttribute("aria-describedby", rest.join(" "));
    else input.removeAttribute("aria-describedby");
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  #refused(error) {
    const fields = Object.entries(error.fields ?? {}).map(([name, text]) => [name.split(".")[0], text]);
    const known = fields.filter(([name]) => this.form.elements[name]);
    for (const [name, text] of known) this.#wrong(name, text);
    const banner = this.piece("refused");
    banner.textContent = error.name === "AbortError" ? "Stopped: nothing was imported." : error.message;
    banner.hidden = known.length > 0 && known.length === fields.length; // all of it stands beside the fields
    if (known.length) this.form.elements[known[0][0]].focus();
    if (!this.#seen()) toast(`Nothing was imported. ${error.message}`, "error");
  }

  #show(report) {
    const { added, updated } = report.counts;
    const words = [[added, "added"], [updated, "updated"], [report.unchanged, "here already"]].filter(([count]) => count).map(([count, done]) => `${count} ${done}`);
    const text = words.length ? `Runs: ${words.join(", ")}.` : "There was no run in it.";
    const href = `/experiments/${report.experiment}`;
    const banner = this.piece("result");
    banner.replaceChildren(
      make("p", {}, `${text} `, ...(report.experiment ? [make("a", { href }, `Open ${report.experiment}`)] : [])),
      ...(report.notes.length ? [make("details", {}, make("summary", {}, `${report.notes.length} note${report.notes.length === 1 ? "" : "s"}`), make("ul", { class: "small anywhere" }, ...report.notes.map((note) => make("li", {}, note))))] : []),
    );
    banner.hidden = false;
    this.typed = false;
    if (this.#seen()) banner.focus();
    else toast(text, "info", { stay: 20_000, words: "Open", action: () => location.assign(href) });
  }

  #seen() {
    return this.closest("dialog").open;
  }
}

customElements.define("danlu-import", Import);
