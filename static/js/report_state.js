// A state of the workbench that no address holds: what a chart of a report shows, read from the query of its view.
import { KEYS } from "./wb_keys.js";

export class FixedState {
  #values = {};
  #listeners = new Set();

  /**
   * @param {string} query of the workbench's address
   * @param {object[]} rows the runs that are drawn, in order: {id, name, params, colour, …}
   * @param {object} [more] values by key that go before those of the query
   */
  constructor(query, rows, more = {}) {
    for (const [key, text] of new URLSearchParams(query)) {
      const value = KEYS[key]?.read(text);
      if (value !== undefined) this.#values[key] = value;
    }
    Object.assign(this.#values, more);
    const byId = new Map(rows.map((row) => [row.id, { tags: [], metrics: {}, ...row }])); // a view may group by any column
    const ids = [...byId.keys()];
    this.scope = { runs: ids };
    this.rows = {
      ids, places: new Map(ids.map((id, place) => [id, place])), get: (id) => byId.get(id), ready: async () => {}, load: () => {},
      on: () => () => {}, touch: () => {}, stop: () => {},
    };
  }

  get(key) {
    if (!(key in KEYS)) throw new Error(`no such key of the workbench: ${key}`);
    return this.#values[key] ?? KEYS[key].otherwise;
  }

  /** What a reader changes lasts as long as the page. */
  set(patch) {
    const changed = Object.keys(patch).filter((key) => JSON.stringify(this.get(key)) !== JSON.stringify(patch[key] ?? KEYS[key].otherwise));
    if (!changed.length) return;
    Object.assign(this.#values, patch);
    for (const { keys, listener } of [...this.#listeners]) if (!keys || changed.some((key) => keys.has(key))) listener(changed);
  }

  on(keys, listener) {
    const entry = { keys: keys === "*" ? null : new Set([keys].flat()), listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  drawn() {
    const hidden = new Set(this.get("hide"));
    return this.rows.ids.filter((id) => !hidden.has(id));
  }

  colour(id) {
    return { colour: this.rows.get(id)?.colour ?? id % 10, dash: 0 }; // the charts find the dashes of what they draw
  }

  query() {
    return Object.keys(this.#values).map((key) => `${key}=${encodeURIComponent(KEYS[key].write(this.#values[key]))}`).join("&");
  }

  stop() {}
}
