// What the charts of a page show of their data: axes, smoothing, zoom, pins, and what single charts do differently. All of it
// lives in the workbench's state, and so in the address.
export const MAX_SMOOTHING = 0.99;
export const AXES = { step: "Step", relative: "Relative", wall: "Wall", epoch: "Epoch" };
/** Switches that a chart may have of its own: [key of the state, name]. */
export const SWITCHES = { logX: ["logx", "Log x"], logY: ["logy", "Log y"], zero: ["zero", "y from zero"], outliers: ["out", "Ignore outliers"] };
/** How bands are called. */
export const BANDS = { se: "standard error", sd: "standard deviation", ci: "95 % interval", none: "no band" };
// letters of a chart in the address: small for on, capital for off
const LETTERS = { logX: "x", logY: "y", zero: "z", outliers: "o" };
const LOOKS = ["x", "sm", "smk", "logx", "logy", "zero", "out", "band", "own"];
const MOST_BACK = 50;

/** The view of one <danlu-curves>, with a stack of zooms. */
export class View {
  #stack = [];
  #offs;

  /**
   * @param {object} state see wb_state.js
   * @param {(what: "look"|"zoom"|"place"|"runs") => void} changed called after a change
   */
  constructor(state, changed) {
    this.state = state;
    this.#offs = [
      state.on(LOOKS, () => changed("look")),
      state.on("z", () => changed("zoom")),
      state.on(["f", "pins", "fold", "full"], () => changed("place")),
      state.on(["sel", "hide", "group", "base"], () => changed("runs")),
    ];
  }

  stop() {
    for (const off of this.#offs) off();
  }

  get axis() {
    return this.state.get("x");
  }

  get smoothing() {
    return this.state.get("sm");
  }

  get kernel() {
    return this.state.get("smk");
  }

  get band() {
    return this.state.get("band");
  }

  /** The range of x that all synchronised charts show; null: everything. */
  get zoom() {
    return this.state.get("z");
  }

  get pins() {
    return this.state.get("pins");
  }

  get filter() {
    return this.state.get("f");
  }

  /** Can one zoom be gone back to? */
  get canGoBack() {
    return this.#stack.length > 0 || this.zoom !== null;
  }

  /** A switch as all charts have it. @param {string} name of `SWITCHES` */
  on(name) {
    return this.state.get(SWITCHES[name][0]);
  }

  /** How one chart is shown. */
  of(tag) {
    const own = ownOf(this.state.get("own"), tag);
    const shown = { axis: this.axis, smoothing: this.smoothing, kernel: this.kernel, band: this.band };
    for (const [name, letter] of Object.entries(LETTERS)) {
      shown[name] = own.letters.includes(letter) || (this.on(name) && !own.letters.includes(letter.toUpperCase()));
    }
    shown.alone = own.letters.includes("n");
    shown.wide = own.letters.includes("w");
    shown.table = own.letters.includes("t");
    shown.differs = /[xyzo]/i.test(own.letters);
    shown.zoom = shown.alone ? own.zoom : this.zoom;
    return shown;
  }

  /** Change settings of all charts. @param {object} patch keys of the state */
  set(patch) {
    if (patch.x && patch.x !== this.axis) {
      this.#stack = []; // zooms were in other units
      patch = { ...patch, z: null, own: mapped(this.state.get("own"), (one) => ({ ...one, zoom: null })) };
    }
    if ("sm" in patch) patch.sm = Math.round(Math.min(MAX_SMOOTHING, Math.max(0, patch.sm)) * 100) / 100;
    this.state.set(patch);
  }

  /** Turn a switch of all charts. */
  turn(name) {
    this.state.set({ [SWITCHES[name][0]]: !this.on(name) });
  }

  /** Turn a switch of one chart; `alone`, `wide` and `table` are a chart's own in any case. */
  turnOwn(tag, name) {
    const now = this.of(tag)[name];
    const letter = { alone: "n", wide: "w", table: "t" }[name] ?? LETTERS[name];
    this.#own(tag, (one) => {
      const rest = one.letters.replaceAll(letter, "").replaceAll(letter.toUpperCase(), "");
      const usual = name in LETTERS ? this.on(name) : false;
      const sign = !now === usual ? "" : now ? letter.toUpperCase() : letter;
      return { letters: rest + sign, zoom: name === "alone" ? (now ? null : this.zoom) : one.zoom };
    });
  }

  /** What this chart does differently, all charts do. */
  applyToAll(tag) {
    const shown = this.of(tag);
    const patch = Object.fromEntries(Object.entries(SWITCHES).map(([name, [key]]) => [key, shown[name]]));
    const own = mapped(this.state.get("own"), (one) => ({ ...one, letters: one.letters.replace(/[xyzo]/gi, "") }));
    this.state.set({ ...patch, own });
  }

  #own(tag, change) {
    const all = this.state.get("own");
    this.state.set({ own: mapped({ ...all, [tag]: change(ownOf(all, tag)) }, (one) => one) });
  }

  /** Pin a chart to the top, or let it go. */
  pin(tag) {
    const { pins } = this;
    this.state.set({ pins: pins.includes(tag) ? pins.filter((one) => one !== tag) : [...pins, tag] });
  }

  /** Zoom to a range of x; the one before can be gone back to. @param {string} [tag] the chart, which may be alone */
  zoomTo(from, to, tag) {
    if (!(to > from)) return;
    const alone = this.#alone(tag);
    this.#stack.push({ tag: alone, zoom: this.#zoomOf(alone) });
    if (this.#stack.length > MOST_BACK) this.#stack.shift();
    this.#zoomed([from, to], alone);
  }

  /** Move the range without a step to go back to. */
  panTo(from, to, tag) {
    this.#zoomed([from, to], this.#alone(tag));
  }

  /** One zoom back; from the last one to everything. */
  back() {
    const { tag, zoom } = this.#stack.pop() ?? { tag: null, zoom: null };
    this.#zoomed(zoom, tag);
  }

  /** Everything again, in all charts. */
  reset() {
    this.#stack = [];
    const own = mapped(this.state.get("own"), (one) => ({ ...one, zoom: null }));
    this.state.set({ z: null, own });
  }

  #alone(tag) {
    return tag !== undefined && this.of(tag).alone ? tag : null;
  }

  #zoomOf(alone) {
    return alone === null ? this.zoom : this.of(alone).zoom;
  }

  #zoomed(zoom, alone) {
    const range = zoom && zoom.map((x) => Number(x.toPrecision(8)));
    if (alone === null) this.state.set({ z: range });
    else this.#own(alone, (one) => ({ ...one, zoom: range }));
  }
}

/** A tag may be called like a property that every object has. */
function ownOf(own, tag) {
  return Object.hasOwn(own, tag) ? own[tag] : { letters: "", zoom: null };
}

/** The same with every value changed; those that say nothing any more are left out. */
function mapped(own, change) {
  return Object.fromEntries(Object.entries(own).map(([tag, one]) => [tag, change(one)]).filter(([, one]) => one.letters));
}
