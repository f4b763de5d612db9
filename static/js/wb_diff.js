// The difference pane: two of the workbench's runs. Those that the address names, else the two ticked ones, else the
// baseline or the parent and the ticked one; any two can be chosen here.
import { make } from "./dom.js";
import { Difference } from "./wb_diff_view.js";

const CHOICES = 300;
const WAIT_MS = 150;

/** Fill the pane; see wb_panes.js. */
export async function mount(host, state) {
  await state.rows.ready();
  const pane = new DiffPane(host, state);
  return { show: () => pane.show(), hide: () => pane.rest(), stop: () => pane.stop() };
}

class DiffPane {
  #parents = new Map(); // of runs that were asked
  #timer = 0;

  constructor(host, state) {
    this.state = state;
    this.host = host;
    this.picks = ["a", "b"].map((side) => make("select", { class: "diff-pick", "aria-label": `Run ${side.toUpperCase()}`, onchange: () => this.#choose() }));
    this.swap = make("button", { class: "btn small", type: "button", title: "Swap the two runs", onclick: () => this.#choose(true) }, "⇄", make("span", { class: "visually-hidden" }, " Swap the two runs"));
    this.bar = make("div", { class: "bar diff-bar" }, make("span", { class: "ab", "aria-hidden": "true" }, "A"), this.picks[0], this.swap, make("span", { class: "ab", "aria-hidden": "true" }, "B"), this.picks[1]);
    this.body = make("div", { class: "stack" });
    this.hint = make("p", { class: "muted empty" }, "Tick two runs to see what differs between them, or one that was made from another.");
    host.replaceChildren(make("div", { class: "stack diff-pane" }, this.bar, this.hint, this.body));
    this.view = new Difference(this.body, {
      colour: (id) => state.colour(id),
      masked: () => !state.get("raw"),
      mask: (mask) => state.set({ raw: !mask }),
    });
    this.offs = [
      state.on(["sel", "base", "pair"], (changed) => {
        // a fresh tick says more than what was chosen here before
        if (changed.includes("sel") && !changed.includes("pair") && state.get("pair").length) state.set({ pair: undefined });
        this.#soon();
      }),
      state.on("raw", () => this.view.log()),
      state.rows.on(({ what }) => what !== "rows" && this.#soon()),
    ];
    this.show();
  }

  rest() {
    clearTimeout(this.#timer);
  }

  stop() {
    this.rest();
    this.offs.forEach((off) => off());
    this.view.stop();
  }

  #soon() {
    if (this.host.hidden) return; // show() is called when it is not any more
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.show(), WAIT_MS);
  }

  async show() {
    const turn = (this.turn = {});
    const [a, b] = await this.#pair();
    if (this.turn !== turn) return;
    this.#options(a, b);
    this.hint.hidden = Boolean(a && b);
    this.body.hidden = !(a && b);
    if (a && b) this.view.open(a, b);
  }

  /** The two runs, or fewer. */
  async #pair() {
    const { state } = this;
    const chosen = state.get("pair");
    if (chosen.length === 2) return chosen;
    const ticked = state.get("sel").filter((id) => state.rows.get(id));
    const base = state.get("base");
    const other = ticked.find((id) => id !== base);
    if (base && other && state.rows.get(base)) return [base, other];
    if (ticked.length >= 2) return ticked.slice(0, 2).sort((one, two) => one - two);
    if (ticked.length === 1) return [await this.#parent(ticked[0]), ticked[0]];
    const { ids } = state.rows;
    return ids.length === 2 ? [...ids].sort((one, two) => one - two) : [];
  }

  async #parent(id) {
    if (!this.#parents.has(id)) {
      const response = await fetch(`/api/v1/runs/${id}`, { headers: { Accept: "application/json" } }).catch(() => null);
      this.#parents.set(id, response?.ok ? (await response.json()).parent : null);
    }
    return this.#parents.get(id);
  }

  #options(a, b) {
    const { rows } = this.state;
    const ids = [...new Set([...this.state.get("sel"), ...rows.ids])].filter((id) => rows.get(id)).slice(0, CHOICES);
    for (const [at, chosen] of [a, b].entries()) {
      const all = chosen && !ids.includes(chosen) ? [chosen, ...ids] : ids;
      const options = all.map((id) => make("option", { value: String(id) }, `${rows.get(id)?.name ?? "Run"} #${id}`));
      if (!chosen) options.unshift(make("option", { value: "" }, "Choose a run"));
      this.picks[at].replaceChildren(...options);
      this.picks[at].value = chosen ? String(chosen) : "";
    }
    this.swap.disabled = !(a && b);
  }

  #choose(swapped = false) {
    const two = this.picks.map((pick) => Number(pick.value));
    if (swapped) two.reverse();
    if (two[0] && two[1] && two[0] !== two[1]) this.state.set({ pair: two });
    else if (two[0] && two[0] === two[1]) this.show(); // a run does not differ from itself
  }
}
