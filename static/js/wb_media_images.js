// Images of several runs at one step. All are zoomed and moved together; of two, one can be laid over the other with a
// divider between them.
import { icon, make } from "./dom.js";

const MOST = 16;

export class ImageView {
  constructor(board) {
    this.board = board;
    this.state = board.state;
    this.element = make("div", { class: "by-images" });
    const zoom = (name, label, action) => make("button", { class: "btn ghost icon small", type: "button", "aria-label": label, title: label, onclick: action }, icon(name));
    this.left = make("select", { class: "auto by-small", "aria-label": "Left image", onchange: () => this.#pair() });
    this.right = make("select", { class: "auto by-small", "aria-label": "Right image", onchange: () => this.#pair() });
    this.wipe = make("button", { class: "btn small", type: "button", "aria-pressed": "false", title: "Lay one run's image over another's", onclick: () => this.#toggle() }, "Compare two");
    this.pair = make("span", { class: "row", hidden: true }, this.left, make("span", { class: "muted small" }, "over"), this.right);
    this.tools = [
      make("div", { class: "curve-zooms", role: "group", "aria-label": "Zoom of the images" }, zoom("minus", "Zoom out", () => this.#zoomBy(0.5)), zoom("plus", "Zoom in", () => this.#zoomBy(2)), zoom("reset", "Whole images", () => this.state.set({ mz: [] }))),
      this.wipe, this.pair,
    ];
    this.part = 50;
  }

  /** Factor of the zoom, and which point of the image is in the middle, 0 to 1. */
  get zoom() {
    const [factor, x, y] = this.state.get("mz").map(Number);
    return factor > 1 ? { factor: Math.min(64, factor), x: clamp(x), y: clamp(y) } : { factor: 1, x: 0.5, y: 0.5 };
  }

  draw(runs) {
    this.runs = runs;
    const two = this.#two();
    this.wipe.setAttribute("aria-pressed", String(Boolean(two)));
    this.wipe.hidden = runs.length < 2;
    this.pair.hidden = !two;
    if (two) this.#options(two);
    const shape = two ? `two ${two.map((run) => run.run)}` : runs.map(({ run }) => run).join();
    if (shape !== this.shape) {
      this.shape = shape;
      this.cells = two ? [this.#overlay(two)] : runs.map((run) => this.#cell(run.run));
      this.element.classList.toggle("is-two", Boolean(two));
      this.element.replaceChildren(...this.cells.map((cell) => cell.element));
    }
    if (two) this.cells[0].fill(two);
    else runs.forEach((run, index) => this.cells[index].fill(run));
    this.resize();
  }

  resize() {
    const { factor, x, y } = this.zoom;
    for (const image of this.element.querySelectorAll("img")) {
      image.style.transform = factor > 1 ? `translate(${(0.5 - x) * 100 * factor}%, ${(0.5 - y) * 100 * factor}%) scale(${factor})` : "";
      image.classList.toggle("is-sharp", image.naturalWidth * 1.5 < image.clientWidth * factor);
    }
  }

  #cell(id) {
    const head = make("div");
    const body = make("div", { class: "by-shots" });
    const element = make("figure", { class: "card by-cell", "data-run": id }, head, body);
    return {
      element,
      fill: (run) => {
        const item = this.board.nearest(run.items);
        head.replaceChildren(this.board.headOf(id, item));
        const keys = item.keys.slice(0, MOST);
        keys.forEach((key, index) => this.#put(body, index, this.board.blob(id, item, key), `${this.#name(id)}, step ${item.step}${keys.length > 1 ? `, image ${index + 1}` : ""}`));
        while (body.children.length > keys.length) body.lastChild.remove();
        body.classList.toggle("has-many", keys.length > 1);
      },
    };
  }

  /** Show an image in a frame that is kept, so that nothing jumps while it is fetched. */
  #put(body, index, address, words) {
    let frame = body.children[index];
    if (!frame) {
      frame = this.#frame();
      body.append(frame);
    }
    const image = frame.firstChild;
    if (image.getAttribute("src") !== address) image.src = address;
    image.alt = words;
  }

  #frame() {
    const image = make("img", { decoding: "async", draggable: false, onload: () => this.resize(), onerror: () => frame.classList.add("is-broken") });
    image.addEventListener("load", () => frame.classList.remove("is-broken"));
    const frame = make("div", { class: "by-frame" }, image, make("span", { class: "by-broken muted small" }, "This image cannot be shown here."));
    this.#hold(frame);
    return frame;
  }

  /** Wheel with ctrl zooms, a drag moves, a double click shows the whole. */
  #hold(frame) {
    frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.#zoomBy(event.deltaY < 0 ? 1.25 : 0.8, this.#spot(frame, event));
    }, { passive: false });
    frame.addEventListener("dblclick", () => this.state.set({ mz: [] }));
    frame.addEventListener("pointerdown", (event) => {
      const { factor, x, y } = this.zoom;
      if (factor === 1 || event.button !== 0 || event.target.closest("input")) return;
      event.preventDefault();
      const abort = new AbortController();
      const { signal } = abort;
      document.addEventListener("pointermove", (step) => {
        const [dx, dy] = [(step.clientX - event.clientX) / frame.clientWidth / factor, (step.clientY - event.clientY) / frame.clientHeight / factor];
        this.#set(factor, x - dx, y - dy);
      }, { signal });
      for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => abort.abort(), { signal });
    });
  }

  /** Point of the image under the pointer. */
  #spot(frame, event) {
    const box = frame.getBoundingClientRect();
    const { factor, x, y } = this.zoom;
    return [x + ((event.clientX - box.left) / box.width - 0.5) / factor, y + ((event.clientY - box.top) / box.height - 0.5) / factor];
  }

  #zoomBy(by, spot) {
    const { factor, x, y } = this.zoom;
    const next = Math.min(64, factor * by);
    const [sx, sy] = spot ?? [x, y];
    this.#set(next, sx + (x - sx) * (factor / next), sy + (y - sy) * (factor / next));
  }

  #set(factor, x, y) {
    const half = 0.5 / factor;
    const within = (value) => Number(Math.min(1 - half, Math.max(half, value)).toFixed(4));
    this.state.set({ mz: factor > 1.01 ? [Number(factor.toFixed(3)), within(x), within(y)] : [] });
  }

  #name(id) {
    return `${this.state.rows.get(id)?.name ?? "Run"} #${id}`;
  }

  // two of them

  #two() {
    const two = this.state.get("ab").map((id) => this.runs.find((run) => run.run === id)).filter(Boolean);
    return two.length === 2 ? two : null;
  }

  #toggle() {
    this.state.set({ ab: this.#two() ? [] : this.runs.slice(0, 2).map((run) => run.run) });
  }

  #pair() {
    let [a, b] = [Number(this.left.value), Number(this.right.value)];
    if (a === b) b = this.runs.find((run) => run.run !== a).run;
    this.state.set({ ab: [a, b] });
  }

  #options(two) {
    for (const [select, run] of [[this.left, two[0]], [this.right, two[1]]]) {
      select.replaceChildren(...this.runs.map(({ run: id }) => make("option", { value: id }, this.#name(id))));
      select.value = run.run;
    }
  }

  #overlay(two) {
    const heads = make("div", { class: "by-heads" });
    const [under, over] = [this.#frame(), make("img", { class: "by-over", decoding: "async", draggable: false, onload: () => this.resize() })];
    const divider = make("input", { type: "range", class: "by-divider", min: 0, max: 100, step: 1, value: this.part, "aria-label": `Divider: how much of ${this.#name(two[0].run)} is seen` });
    const cover = make("div", { class: "by-cover" }, over);
    const show = () => {
      this.part = Number(divider.value);
      under.style.setProperty("--by-part", `${this.part}%`);
      divider.setAttribute("aria-valuetext", `${this.part} %`);
    };
    divider.addEventListener("input", show);
    under.classList.add("by-wipe");
    under.append(cover, make("span", { class: "by-line", "aria-hidden": "true" }));
    show();
    return {
      element: make("figure", { class: "card by-cell" }, heads, under, divider),
      fill: ([a, b]) => {
        const [left, right] = [a, b].map((run) => this.board.nearest(run.items));
        heads.replaceChildren(this.board.headOf(a.run, left), this.board.headOf(b.run, right));
        const sources = [[over, a.run, left], [under.firstChild, b.run, right]];
        for (const [image, id, item] of sources) {
          const address = this.board.blob(id, item, item.keys[0]);
          if (image.getAttribute("src") !== address) image.src = address;
          image.alt = `${this.#name(id)}, step ${item.step}`;
        }
      },
    };
  }
}

function clamp(value) {
  return Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : 0.5;
}
