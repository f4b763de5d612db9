// What all charts of a page share: axis, smoothing, toggles and zoom. The address holds it, so a link shows the same.
const AXES = ["step", "relative", "wall"];
export const MAX_SMOOTHING = 0.99;

/** The settings of one <danlu-curves>, with a stack of zooms. */
export class View {
  /** @param {(what: "look"|"zoom") => void} changed called after a change */
  constructor(changed) {
    this.changed = changed;
    this.stack = [];
    const query = new URLSearchParams(location.search);
    this.axis = AXES.includes(query.get("x")) ? query.get("x") : "step";
    this.smoothing = clamp(Number(query.get("sm")) || 0);
    this.logY = query.get("logy") === "1";
    this.outliers = query.get("outliers") === "hide";
    this.zoom = null;
    const [from, to] = (query.get("z") ?? "").split("..").map(Number);
    if (Number.isFinite(from) && Number.isFinite(to) && to > from) this.zoom = [from, to];
  }

  /** Change settings. @param {object} values some of axis, smoothing, logY, outliers */
  set(values) {
    if (values.axis && values.axis !== this.axis) {
      this.zoom = null; // it was in other units
      this.stack = [];
    }
    Object.assign(this, values);
    this.smoothing = clamp(this.smoothing);
    this.#write();
    this.changed("look");
  }

  /** Zoom to a range of x; the one before can be gone back to. @param {number} from @param {number} to */
  zoomTo(from, to) {
    if (!(to > from)) return;
    this.stack.push(this.zoom);
    if (this.stack.length > 50) this.stack.shift();
    this.#zoomed([from, to]);
  }

  /** Move the range without a step to go back to. */
  panTo(from, to) {
    this.#zoomed([from, to]);
  }

  /** One zoom back; from the last one to everything. */
  back() {
    this.#zoomed(this.stack.pop() ?? null);
  }

  /** Everything again. */
  reset() {
    this.stack = [];
    this.#zoomed(null);
  }

  #zoomed(zoom) {
    this.zoom = zoom;
    this.#write();
    this.changed("zoom");
  }

  #write() {
    const url = new URL(location.href);
    // Always in this order, whatever was changed first: the same view has the same address.
    const put = (key, value) => {
      url.searchParams.delete(key);
      if (value) url.searchParams.append(key, value);
    };
    put("x", this.axis === "step" ? "" : this.axis);
    put("sm", this.smoothing ? String(this.smoothing) : "");
    put("logy", this.logY ? "1" : "");
    put("outliers", this.outliers ? "hide" : "");
    put("z", this.zoom ? this.zoom.map((x) => Number(x.toPrecision(8))).join("..") : "");
    clearTimeout(this.writing);
    if (url.href === location.href) return;
    // Browsers refuse more than a hundred changes in half a minute, and a slider makes them.
    this.writing = setTimeout(() => history.replaceState(history.state, "", url), 200);
  }
}

function clamp(smoothing) {
  return Math.round(Math.min(MAX_SMOOTHING, Math.max(0, smoothing)) * 100) / 100;
}
