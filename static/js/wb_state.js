// The one state of a workbench: what it shows, all of it in the address, and the rows that it shows it of.
// `workbench(element)` gives it to whatever stands inside a <danlu-workbench>; each page has its own.
import { RowStore } from "./wb_rows.js";
import { KEYS } from "./wb_keys.js";
import { looksOfRuns } from "./wb_looks.js";

const WRITE_MS = 200;
const FIRST_DRAWN = 10;
const GROUPED_DRAWN = 100; // a mean of some runs of a group would be no mean of the group
const SCRIPTLESS = new Set(["state", "sweep", "cursor"]);

/** The state of the workbench that `element` is in. */
export function workbench(element) {
  return element.closest("danlu-workbench").state;
}

/** What a workbench shows. Made by <danlu-workbench>. */
export class State {
  #values = {};
  #listeners = new Set();
  #timer = 0;
  #looks = null; // of the runs that are drawn; null: to be found anew
  #own = new Map(); // colours that were chosen here and are on their way

  /** @param {{experiment?: string, runs?: number[]}} scope what the rows are of */
  constructor(scope) {
    this.scope = scope;
    this.#values = read(location.search);
    this.rows = new RowStore(this);
    this.rows.on(() => (this.#looks = null));
    this.abort = new AbortController();
    const { signal } = this.abort;
    window.addEventListener("popstate", () => this.#take(read(location.search)), { signal });
    window.addEventListener("pagehide", () => this.#write(), { signal });
  }

  /** A value as it is now; lists are never changed in place. */
  get(key) {
    if (!(key in KEYS)) throw new Error(`no such key of the workbench: ${key}`);
    return key in this.#values ? this.#values[key] : KEYS[key].otherwise;
  }

  /**
   * Change values; undefined or null puts a default back.
   * @param {object} patch by key
   * @param {{push?: boolean}} [how] push: a step that the back button takes back
   */
  set(patch, { push = false } = {}) {
    const changed = Object.keys(patch).filter((key) => !same(patch[key] ?? KEYS[key].otherwise, this.get(key)));
    if (!changed.length) return;
    if (push) this.#write(); // what was fiddled with before belongs to the step before
    for (const key of changed) {
      const value = patch[key] ?? undefined;
      if (value === undefined || same(value, KEYS[key].otherwise)) delete this.#values[key];
      else this.#values[key] = value;
    }
    if (push) this.#write(true);
    else this.#timer ||= setTimeout(() => this.#write(), WRITE_MS); // browsers refuse more than a few a second
    this.#tell(changed);
  }

  /**
   * Call `listener(changed)` after one of the keys changed, also by the back button. `keys` is a name, a list of names
   * or "*".
   * @returns {() => void} takes the listener away again
   */
  on(keys, listener) {
    const entry = { keys: keys === "*" ? null : new Set([keys].flat()), listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** Ids of the runs whose curves are drawn: the ticked ones, or else the first visible ones, more of them in groups; in the table's order. */
  drawn() {
    const hidden = new Set(this.get("hide"));
    const ticked = this.get("sel");
    if (ticked.length) {
      const at = this.rows.places;
      const there = ticked.filter((id) => this.rows.get(id) && !hidden.has(id));
      return there.sort((a, b) => (at.get(a) ?? Infinity) - (at.get(b) ?? Infinity) || b - a);
    }
    const most = this.get("group") ? GROUPED_DRAWN : FIRST_DRAWN;
    const first = [];
    for (const id of this.rows.ids) {
      if (hidden.has(id)) continue;
      first.push(id);
      if (first.length === most && !this.scope.runs) break; // a comparison draws all that it names
    }
    return first;
  }

  /** How a run is drawn, the same everywhere: {colour: 0..9, dash: 0..2}. Dashes are for colours that are drawn twice. */
  colour(id) {
    this.#looks ??= looksOfRuns(this.drawn(), (run) => this.#colourOf(run));
    return this.#looks.get(id) ?? { colour: this.#colourOf(id), dash: 0 };
  }

  #colourOf(id) {
    return this.#own.get(id) ?? this.rows.get(id)?.colour ?? id % 10;
  }

  /** Show a colour before the server knows of it; null: as the server says. */
  paint(id, colour) {
    if (colour === null) this.#own.delete(id);
    else this.#own.set(id, colour);
    this.rows.touch([id]);
  }

  /** The address's query as the state is now, for links and saved views; without the question mark. */
  query() {
    return write(this.#values, new URLSearchParams(location.search));
  }

  /** Show what a query says, as a step that the back button takes back. */
  open(query) {
    const values = read(query);
    this.#write();
    this.#take(values);
    this.#write(true);
  }

  stop() {
    this.#write();
    this.abort.abort();
    this.rows.stop();
  }

  #take(values) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const before = this.#values;
    this.#values = values;
    const changed = Object.keys(KEYS).filter((key) => !same(before[key], values[key]));
    if (changed.length) this.#tell(changed);
  }

  #tell(changed) {
    this.#looks = null;
    for (const { keys, listener } of [...this.#listeners]) {
      if (!keys || changed.some((key) => keys.has(key))) listener(changed);
    }
  }

  #write(push = false) {
    if (!push && !this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    const query = this.query();
    const address = location.pathname + (query ? `?${query}` : "") + location.hash;
    if (push) history.pushState(null, "", address);
    else history.replaceState(history.state, "", address);
  }
}

/** Values by key, from a query; what cannot be read is left out. */
function read(query) {
  const values = {};
  for (const [key, text] of new URLSearchParams(query)) {
    if (!(key in KEYS) || key in values) continue;
    const value = KEYS[key].read(text);
    if (value !== undefined && !same(value, KEYS[key].otherwise)) values[key] = value;
  }
  // the form that works without scripts, and links to a sweep, have fields of their own
  for (const key of ["state", "sweep"]) {
    const text = new URLSearchParams(query).get(key);
    if (text && !values.q?.includes(`${key}:`)) values.q = `${key}:${text} ${values.q ?? ""}`.trim();
  }
  return values;
}

/** The query of these values; parameters that are not ours stay in front. */
function write(values, present) {
  const foreign = [...present].filter(([key]) => !(key in KEYS) && !SCRIPTLESS.has(key));
  const ours = Object.keys(KEYS).filter((key) => key in values).map((key) => [key, KEYS[key].write(values[key])]);
  // easy to read and to send: these four need no escape in a query
  return new URLSearchParams([...foreign, ...ours]).toString().replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%7E", "~");
}

function same(a, b) {
  if (a === b) return true;
  return typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b);
}
