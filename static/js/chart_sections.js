// Where cards stand: pinned ones first, then sections by the tag's prefix; tags that are alone with theirs share the first
// section. Only what is near the window is on the page, so ten thousand tags cost no more than ten.
import { splitTag, tagFilter } from "./chart_data.js";
import { make } from "./dom.js";

const FLAT = 8; // so few cards need no sections at all
const MANY = 400; // so many tags: sections are closed until one is asked for
const NEAR = 350; // pixels above and below the window
const CARD = 290; // least width
const GAP = 10;
const HEIGHT = 236;
const WIDE = 406;
const HEAD = 40;
const PINNED = "pinned"; // written with a blank in front as a key: no tag begins so
const collator = new Intl.Collator("en", { numeric: true });

/** The sections of one island, in order. */
export class Sections {
  #items = []; // {kind, key, top, height, …} from top to bottom
  #heads = new Map();
  #frame = 0;
  #width = 0;
  #names = null;
  #groups = [];

  /** @param {object} board its view, and `card(tag, title)`, `drop(card)`, `seen()` @param {AbortSignal} signal */
  constructor(board, signal) {
    this.board = board;
    this.height = board.cardHeight ?? HEIGHT;
    this.element = make("div", { class: "curve-sections" });
    this.none = make("p", { class: "curve-none muted", hidden: true }, "No tag matches the filter.");
    const soon = () => (this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.look();
    }));
    document.addEventListener("scroll", soon, { capture: true, passive: true, signal });
    window.addEventListener("resize", soon, { passive: true, signal });
    this.sizes = new ResizeObserver(() => {
      if (this.element.clientWidth === this.#width) return soon();
      this.arrange();
    });
    this.sizes.observe(this.element);
    signal.addEventListener("abort", () => this.sizes.disconnect());
  }

  /** How many tags the filter leaves, and how many there are. */
  counts = { shown: 0, all: 0 };

  /** Put everything in its place. @param {string[]} [names] every tag, sorted; without them, those of the last time */
  arrange(names = this.#names ?? []) {
    const { view } = this.board;
    const key = `${names.length} ${names[0]} ${names.at(-1)} ${view.filter} ${view.pins.join()}`;
    if (names !== this.#names || key !== this.key) {
      this.#names = names;
      this.key = key;
      const matches = tagFilter(view.filter);
      const shown = view.filter ? names.filter(matches) : names;
      this.counts = { shown: shown.length, all: names.length };
      this.#groups = grouped(shown, view.pins);
      this.none.hidden = !(names.length && !shown.length);
    }
    this.#lay();
    this.look();
  }

  #lay() {
    const width = (this.#width = this.element.clientWidth);
    const columns = Math.max(1, Math.floor((width + GAP) / (CARD + GAP)));
    const cell = (width - GAP * (columns - 1)) / columns;
    const headed = this.#groups.length > 1 || this.#groups.some((one) => one.prefix === ` ${PINNED}`);
    const items = [];
    let top = 0;
    for (const group of this.#groups) {
      const open = !headed || this.#open(group.prefix);
      if (headed) {
        items.push({ kind: "head", key: `# ${group.prefix}`, group, open, top, left: 0, width, height: HEAD - 6 });
        top += HEAD;
      }
      if (!open) continue;
      let column = 0;
      for (const tag of group.tags) {
        const wide = this.board.view.of(tag).wide;
        if (wide && column) [top, column] = [top + this.height + GAP, 0];
        items.push({ kind: "card", key: tag, title: group.cut ? splitTag(tag)[1] : tag, top, left: column * (cell + GAP), width: wide ? width : cell, height: wide ? WIDE : this.height });
        column += 1;
        if (wide || column === columns) [top, column] = [top + (wide ? WIDE : this.height) + GAP, 0];
      }
      if (column) top += this.height + GAP;
    }
    this.#items = items;
    this.element.style.blockSize = `${Math.max(0, top - GAP)}px`;
  }

  #open(prefix) {
    const { view } = this.board;
    const usual = this.counts.all <= MANY || Boolean(view.filter) || prefix === ` ${PINNED}`;
    return view.state.get("fold").includes(foldKey(prefix)) ? !usual : usual;
  }

  /** Bring what is near the window onto the page, and take away what is not. */
  look() {
    if (!this.#width) return;
    const { top } = this.element.getBoundingClientRect();
    const [from, to] = [-top - NEAR, -top + innerHeight + NEAR];
    const near = this.#items.filter((item) => item.top + item.height > from && item.top < to);
    const wanted = new Map(near.map((item) => [item.key, item]));
    for (const card of [...this.board.cards.values()]) {
      if (!wanted.has(card.tag) && !(card.element.contains(document.activeElement) && this.#still(card.tag))) this.board.cards.drop(card);
    }
    for (const [key, head] of this.#heads) {
      if (wanted.has(key) || (head.contains(document.activeElement) && this.#still(key))) continue;
      head.remove();
      this.#heads.delete(key);
    }
    let place = this.element.firstElementChild;
    for (const item of near) {
      const element = item.kind === "head" ? this.#head(item) : this.board.cards.make(item.key, item.title).element;
      const { left, top: y, width, height } = item;
      Object.assign(element.style, { left: `${left}px`, top: `${y}px`, inlineSize: `${width}px`, blockSize: `${height}px` });
      if (element === place) place = place.nextElementSibling;
      else this.element.insertBefore(element, place);
    }
    this.board.cards.seen();
  }

  /** Is it still somewhere? */
  #still(key) {
    return this.#items.some((item) => item.key === key);
  }

  #head({ key, group, open }) {
    let head = this.#heads.get(key);
    if (!head) {
      const button = make("button", { type: "button", onclick: () => this.#fold(group.prefix) }, make("bdi", {}, group.prefix === ` ${PINNED}` ? "Pinned" : group.prefix || "General"), make("span", { class: "curve-count" }));
      head = make("h3", { class: "curve-section" }, button);
      this.#heads.set(key, head);
    }
    head.firstChild.setAttribute("aria-expanded", String(open));
    head.firstChild.lastChild.textContent = group.tags.length.toLocaleString("en-US");
    return head;
  }

  #fold(prefix) {
    const { state } = this.board.view;
    const key = foldKey(prefix);
    const fold = state.get("fold");
    state.set({ fold: fold.includes(key) ? fold.filter((one) => one !== key) : [...fold, key] });
  }

  /** Scroll a tag's card into sight. @returns {boolean} false: it is not shown now */
  reveal(tag) {
    const item = this.#items.find((one) => one.key === tag);
    if (!item) return false;
    const { top } = this.element.getBoundingClientRect();
    if (top + item.top < 60 || top + item.top + item.height > innerHeight) window.scrollBy(0, top + item.top - 120);
    this.look();
    return true;
  }
}

/** Tags without a prefix have a section, too; its name must not vanish from a list of names. */
function foldKey(prefix) {
  return prefix || "-";
}

/** Sections in order: {prefix, tags, cut}; cut: titles go without the prefix. */
function grouped(tags, pins) {
  const there = new Set(tags);
  const pinned = pins.filter((tag) => there.has(tag));
  const set = new Set(pinned);
  const rest = tags.filter((tag) => !set.has(tag));
  const top = pinned.length ? [{ prefix: ` ${PINNED}`, tags: pinned, cut: false }] : [];
  if (rest.length <= FLAT) return rest.length ? [...top, { prefix: "", tags: rest, cut: false }] : top;
  const families = new Map();
  const sizes = new Map(); // with the pinned ones: a card does not change its section because another one is pinned
  for (const tag of tags) {
    const [prefix] = splitTag(tag);
    sizes.set(prefix, (sizes.get(prefix) ?? 0) + 1);
    if (set.has(tag)) continue;
    if (!families.has(prefix)) families.set(prefix, []);
    families.get(prefix).push(tag);
  }
  const general = [];
  const sections = [];
  for (const [prefix, list] of families) {
    if (prefix === "" || sizes.get(prefix) === 1) general.push(...list);
    else sections.push({ prefix, tags: list, cut: true });
  }
  sections.sort((a, b) => collator.compare(a.prefix, b.prefix));
  general.sort(collator.compare);
  return [...top, ...(general.length ? [{ prefix: "", tags: general, cut: false }] : []), ...sections];
}
