// What is done with the ticked runs: compare, cancel, tag, archive, delete. What cannot be taken back is sent a while
// later, and until then one button undoes it; what can be is sent at once and undone by its opposite.
import { make } from "./dom.js";
import { ask, toast } from "./toast.js";
import { popUp } from "./wb_pop.js";
import { carriedFrom, openTensorBoard } from "./wb_tensorboard.js";

const CANCEL_MS = 5000;
const DELETE_MS = 10_000;
const UNDO_MS = 10_000;
const COLOURS = 10;
const MAX_COMPARED = 200;
const ENDED = new Set(["succeeded", "failed", "cancelled"]);

export class Bulk {
  #waiting = new Set(); // what is sent when its time is over, or when the page is left

  constructor(table) {
    this.table = table;
    const button = (words, onclick, more = {}) => make("button", { class: `btn small ${more.class ?? ""}`, type: "button", onclick }, words);
    this.count = make("strong", { role: "status" });
    this.compare = make("a", { class: "btn small primary", href: "/compare" }, "Compare");
    this.board = button("TensorBoard", () => openTensorBoard(this.runs.map((run) => run.id), carriedFrom(table.state)));
    this.board.title = "TensorBoard on these runs alone, in a new tab";
    this.cancel = button("Cancel", () => this.cancelTicked());
    this.tag = button("Tag…", () => this.askTag(this.tag));
    this.archive = button("Archive", () => this.archiveTicked());
    this.remove = button("Delete", () => this.deleteTicked(), { class: "danger" });
    const clear = button("Clear", () => {
      table.tick([]);
      table.header.all.focus(); // the button is gone, and the focus with it
    }, { class: "ghost" });
    this.element = make("div", { class: "bar selection wt-bulk", role: "group", "aria-label": "Selected runs", hidden: true },
      this.count, this.compare, this.board, ...(table.may ? [this.cancel, this.tag, this.archive, this.remove] : []), clear);
    this.abort = new AbortController();
    window.addEventListener("pagehide", () => this.#flush(), { signal: this.abort.signal });
  }

  stop() {
    this.#flush();
    this.abort.abort();
  }

  /** The runs that are ticked and there. */
  get runs() {
    return this.table.state.get("sel").map((id) => this.table.rows.get(id)).filter(Boolean);
  }

  /** Show what is ticked, and what can be done with it. */
  refresh() {
    const { runs } = this;
    this.element.hidden = runs.length === 0;
    document.documentElement.toggleAttribute("data-ticked", runs.length > 0);
    if (!runs.length) return;
    const text = `${runs.length} selected`;
    if (this.count.textContent !== text) this.count.textContent = text;
    this.compare.href = this.compareUrl();
    this.cancel.disabled = !runs.some(isOpen);
    const ended = runs.filter((run) => ENDED.has(run.state));
    this.archive.disabled = this.remove.disabled = !ended.length;
    this.archive.textContent = ended.length && ended.every((run) => run.archived) ? "Unarchive" : "Archive";
  }

  /** The address that compares the ticked runs, with what the present one says of axes and columns. */
  compareUrl() {
    const query = new URLSearchParams(this.table.state.query());
    for (const key of ["q", "sel", "hide", "group", "arch", "pane", "run", "tab", "sort", "cols", "pin", "w", "diff"]) query.delete(key);
    for (const { id } of this.runs.slice(0, MAX_COMPARED)) query.append("run", id);
    return `/compare?${query}`;
  }

  /** Ask one run to stop, now. */
  async cancelOne(id) {
    const { rows } = this.table;
    rows.pretend(id, { stopping: true });
    const answer = await ask("POST", `/api/v1/runs/${id}/cancel`);
    rows.pretend(id, null);
    if (answer) rows.patch(id, { state: answer.state, reason: answer.reason, stopping: Boolean(answer.cancel_requested_at) });
  }

  cancelTicked() {
    this.cancelRuns(this.runs);
  }

  /** Ask runs to stop, after a while in which it can be undone. */
  cancelRuns(runs) {
    const { rows } = this.table;
    const ids = runs.filter(isOpen).map((run) => run.id);
    if (!ids.length) return;
    const show = (values) => ids.forEach((id) => rows.pretend(id, values));
    show({ stopping: true });
    this.#later(`Stopping ${count(ids)}.`, CANCEL_MS, { ids, action: "cancel" }, () => show(null), () => show(null));
  }

  deleteTicked() {
    const { rows, state } = this.table;
    const ids = this.runs.filter((run) => ENDED.has(run.state)).map((run) => run.id);
    const kept = this.runs.length - ids.length;
    rows.conceal(ids);
    state.set({ sel: state.get("sel").filter((id) => !ids.includes(id)) });
    const words = `Deleting ${count(ids)} with ${ids.length === 1 ? "its" : "their"} files.${kept ? ` ${kept} not ended ${kept === 1 ? "stays" : "stay"}.` : ""}`;
    this.#later(words, DELETE_MS, { ids, action: "delete" }, () => {
      rows.restore(ids);
      state.set({ sel: [...state.get("sel"), ...ids] });
    }, (refused) => rows.restore(refused));
  }

  async archiveTicked() {
    const { rows, state } = this.table;
    const ended = this.runs.filter((run) => ENDED.has(run.state));
    const back = ended.every((run) => run.archived);
    const ids = ended.filter((run) => run.archived === back).map((run) => run.id);
    const send = async (action) => {
      const answer = await this.#send({ ids, action });
      await rows.load();
      return answer;
    };
    const answer = await send(back ? "unarchive" : "archive");
    if (!answer?.done.length) return;
    state.set({ sel: state.get("sel").filter((id) => !answer.done.includes(id)) });
    toast(`${count(answer.done)} ${back ? "brought back" : "archived"}.`, "info", { stay: UNDO_MS, words: "Undo", action: () => send(back ? "archive" : "unarchive") });
  }

  /** Ask for a tag and put it on the ticked runs, or on those given. */
  askTag(anchor, runs = this.runs) {
    const known = [...new Set([...this.table.rows.all.values()].flatMap((row) => row.tags))].sort();
    const list = make("datalist", { id: "wt-tag-list" }, ...known.map((tag) => make("option", { value: tag })));
    const input = make("input", { type: "text", maxLength: 64, placeholder: "Tag", "aria-label": "Tag", autocomplete: "off" });
    input.setAttribute("list", list.id);
    const act = (action) => {
      const tag = input.value.trim();
      if (!tag) return input.focus();
      panel.hidePopover();
      return this.#tag(runs, action, tag);
    };
    const form = make("form", { class: "row", onsubmit: (event) => {
      event.preventDefault();
      act("tag");
    } }, input, list, make("button", { class: "btn small primary", type: "submit" }, "Add"), make("button", { class: "btn small", type: "button", onclick: () => act("untag") }, "Take off"));
    const panel = popUp(anchor, [form], { label: `Tag ${count(runs)}` });
  }

  async #tag(runs, action, tag) {
    const touched = runs.filter((run) => run.tags.includes(tag) === (action === "untag")).map((run) => run.id);
    if (!touched.length) return toast(`Nothing to do: ${action === "tag" ? "all have" : "none has"} the tag ${tag}.`);
    const send = async (what, ids) => {
      const answer = await this.#send({ ids, action: what, tag });
      for (const id of answer?.done ?? []) {
        const tags = this.table.rows.get(id)?.tags.filter((one) => one !== tag) ?? [];
        this.table.rows.patch(id, { tags: what === "tag" ? [...tags, tag] : tags });
      }
      return answer;
    };
    const answer = await send(action, touched);
    if (!answer?.done.length) return undefined;
    const undo = () => send(action === "tag" ? "untag" : "tag", answer.done);
    return toast(`${tag} ${action === "tag" ? "put on" : "taken off"} ${count(answer.done)}.`, "info", { stay: UNDO_MS, words: "Undo", action: undo });
  }

  /** Choose a run's colour; it is the same everywhere from then on. */
  pickColour(id, anchor) {
    const { state, rows } = this.table;
    const paint = async (colour) => {
      panel.hidePopover();
      state.paint(id, colour ?? id % 10);
      const answer = await ask("PATCH", `/api/v1/runs/${id}`, { colour });
      if (answer) Object.assign(rows.get(id) ?? {}, { colour: answer.colour });
      state.paint(id, null);
    };
    const now = state.colour(id);
    const buttons = Array.from({ length: COLOURS }, (_, colour) => make("button", { class: "wt-colour", type: "button", "aria-label": `Colour ${colour + 1}`, "aria-pressed": String(colour === now.colour), onclick: () => paint(colour) },
      make("span", { class: "swatch", "data-colour": colour, "data-dash": now.dash })));
    const panel = popUp(anchor, [make("div", { class: "wt-colours" }, ...buttons), ...(this.table.may ? [make("button", { class: "btn small", type: "button", onclick: () => paint(null) }, "As at first")] : [])], { label: "Colour" });
  }

  // sending

  async #send(body, keepalive = false) {
    if (keepalive) {
      fetch("/api/v1/runs/bulk", { method: "POST", keepalive, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
      return null;
    }
    const answer = await ask("POST", "/api/v1/runs/bulk", body);
    if (answer?.refused.length) {
      const { length } = answer.refused;
      toast(`${answer.refused[0].error}${length > 1 ? ` (and ${length - 1} more)` : ""}`, "error");
    }
    return answer;
  }

  /** Send when the time is over, unless it is undone before. */
  #later(words, wait, body, undo, refused) {
    const one = { body };
    const box = toast(words, "info", { stay: wait + 1000, words: "Undo", action: () => {
      clearTimeout(one.timer);
      if (this.#waiting.delete(one)) undo();
    } });
    one.timer = setTimeout(async () => {
      if (!this.#waiting.delete(one)) return;
      box.remove();
      const answer = await this.#send(body);
      refused(answer ? answer.refused.map(({ id }) => id) : body.ids);
      this.table.rows.refresh();
    }, wait);
    this.#waiting.add(one);
  }

  #flush() {
    for (const one of this.#waiting) {
      clearTimeout(one.timer);
      this.#send(one.body, true);
    }
    this.#waiting.clear();
  }
}

function isOpen(run) {
  return !ENDED.has(run.state) && !run.stopping;
}

function count(ids) {
  return `${ids.length} run${ids.length === 1 ? "" : "s"}`;
}
