// Finding text in the lines that are in the page, by highlights: the lines themselves are not touched.
const ALL = "danlu-find";
const CURRENT = "danlu-find-current";
const MOST = 2000;

/** Search in one log. */
export class Finder {
  /**
   * @param {HTMLElement} host holds the .log-line elements
   * @param {(current: number, total: number) => void} report called when the numbers change
   */
  constructor(host, report) {
    this.host = host;
    this.report = report;
    this.ranges = [];
    this.current = -1;
    this.query = "";
  }

  /** Look for a text, without regard to case; an empty one ends the search. */
  search(query) {
    const same = query === this.query;
    this.query = query;
    const old = this.ranges[this.current]?.startContainer;
    this.ranges = query ? [...this.#ranges(query.toLowerCase())] : [];
    if (!same) this.current = this.ranges.length - 1; // the newest first: that is where the reader is
    else this.current = Math.max(this.ranges.findIndex((range) => range.startContainer === old), Math.min(this.current, this.ranges.length - 1));
    this.#show(!same);
  }

  /** Go to another hit. @param {number} by 1: the next one, -1: the one before */
  move(by) {
    if (!this.ranges.length) return;
    this.current = (this.current + by + this.ranges.length) % this.ranges.length;
    this.#show(true);
  }

  *#ranges(needle) {
    let found = 0;
    for (const line of this.host.querySelectorAll(".log-line")) {
      const text = line.textContent.toLowerCase();
      for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
        const range = rangeIn(line, at, needle.length);
        if (range) yield range;
        if (++found >= MOST) return;
      }
    }
  }

  #show(go) {
    const current = this.ranges[this.current];
    if (globalThis.CSS?.highlights && globalThis.Highlight) {
      CSS.highlights.set(ALL, new Highlight(...this.ranges));
      CSS.highlights.set(CURRENT, new Highlight(...(current ? [current] : [])));
    }
    if (go && current) {
      const line = current.startContainer.parentElement.closest(".log-line");
      line.scrollIntoView({ block: "center", inline: "nearest" });
    }
    this.report(this.current + 1, this.ranges.length);
  }
}

function rangeIn(line, start, length) {
  const range = document.createRange();
  const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  let at = 0;
  let begun = false;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const end = at + node.length;
    if (!begun && start < end) {
      range.setStart(node, start - at);
      begun = true;
    }
    if (begun && start + length <= end) {
      range.setEnd(node, start + length - at);
      return range;
    }
    at = end;
  }
  return null; // lower case changed the length of the text
}
