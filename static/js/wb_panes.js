// The panes of a workbench. Each is a module of its own, loaded when it is first looked at:
//   export function mount(host, state) -> {show?(), hide?(), stop?()} or nothing
// A pane that is not registered has no tab.
const PANES = [
  ["charts", "Charts"],
  ["params", "Parameters"],
  ["media", "Media"],
  ["diff", "Difference"],
  ["seeds", "Seeds"],
  ["report", "Report"],
];
const factories = new Map();

/**
 * Say what makes a pane.
 * @param {string} name one of the contract's: charts, params, media, diff, seeds, report
 * @param {(host: HTMLElement, state: object) => Promise<object|void>|object|void} factory called once, when the pane is
 *   first shown; what it gives back may have show(), hide() and stop()
 */
export function registerPane(name, factory) {
  factories.set(name, factory);
}

registerPane("charts", async (host, state) => (await import("./wb_charts.js")).mount(host, state));
registerPane("media", async (host, state) => (await import("./wb_media.js")).mount(host, state));
registerPane("params", async (host, state) => (await import("./wb_params.js")).mount(host, state));
registerPane("diff", async (host, state) => (await import("./wb_diff.js")).mount(host, state));
registerPane("seeds", async (host, state) => (await import("./wb_seeds.js")).mount(host, state));
registerPane("report", async (host, state) => (await import("./wb_report.js")).mount(host, state));

/** The panes that there are: [name, title], in order. */
export function panes() {
  return PANES.filter(([name]) => factories.has(name));
}

/** The tabs of a workbench and what stands behind them. */
export class Panes {
  #shown = null;
  #made = new Map();

  /** @param {HTMLElement} root holds [role=tablist] and the section of each pane */
  constructor(root, state) {
    this.root = root;
    this.state = state;
    this.tabs = root.querySelector("[role=tablist]");
    this.tabs.replaceChildren(...panes().map(([name, title]) => this.#tab(name, title)));
    this.tabs.addEventListener("keydown", (event) => this.#key(event));
    this.off = state.on("pane", () => this.show());
    this.show();
  }

  /** Show the pane that the state names. */
  async show() {
    const wanted = this.state.get("pane");
    const name = factories.has(wanted) ? wanted : panes()[0][0];
    for (const tab of this.tabs.children) {
      const here = tab.dataset.name === name;
      tab.setAttribute("aria-selected", String(here));
      tab.tabIndex = here ? 0 : -1;
    }
    for (const host of this.root.querySelectorAll(":scope > [data-pane]")) host.hidden = host.dataset.pane !== name;
    if (this.#shown === name) return;
    const before = this.#shown;
    this.#shown = name;
    (await this.#made.get(before))?.hide?.();
    if (this.#shown !== name) return; // another one was chosen meanwhile
    const known = this.#made.has(name);
    if (!known) this.#made.set(name, this.#make(name));
    const pane = await this.#made.get(name);
    if (known) pane?.show?.();
  }

  async stop() {
    this.off();
    for (const pane of this.#made.values()) (await pane)?.stop?.();
  }

  async #make(name) {
    const host = this.root.querySelector(`:scope > [data-pane="${name}"]`);
    try {
      return await factories.get(name)(host, this.state);
    } catch (error) {
      console.error(error);
      host.textContent = "This pane could not be loaded; reload the page to try again.";
      return undefined;
    }
  }

  #tab(name, title) {
    const tab = document.createElement("button");
    Object.assign(tab, { type: "button", textContent: title, id: `tab-${name}` });
    tab.dataset.name = name;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", `pane-${name}`);
    tab.addEventListener("click", () => this.state.set({ pane: name }, { push: true }));
    return tab;
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const all = [...this.tabs.children];
    const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length];
    next.focus();
    next.click();
    event.preventDefault();
  }
}
