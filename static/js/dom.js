// Small helpers of the islands.

/**
 * Make an element.
 * @param {string} name
 * @param {object} [props] properties; `class`, `aria-…`, `data-…` and `role` become attributes, `on…` listeners
 * @param {...(Node|string)} children
 */
export function make(name, props = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class" || key === "role" || key.includes("-")) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children);
  return element;
}

const ICONS = {
  download: "M8 2v8m0 0 3-3m-3 3L5 7M3 13h10",
  up: "m4 10 4-4 4 4",
  down: "m4 6 4 4 4-4",
  wrap: "M2 4h12M2 8h9.5a2 2 0 0 1 0 4H8m0 0 1.5-1.5M8 12l1.5 1.5M2 12h3",
  more: "M4 8h.01M8 8h.01M12 8h.01",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  reset: "M3 3v4h4M3.5 7A5 5 0 1 1 4 11",
  pin: "M6 2.5h4l-.5 4 2.5 2.5v1H4V9l2.5-2.5zM8 10v4",
  shut: "m4 4 8 8m0-8-8 8",
  back: "M6.5 4 3 7.5 6.5 11M3 7.5h6.5a3.5 3.5 0 0 1 0 7H8",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8M8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4",
  columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
  copy: "M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8z",
  group: "M2 3.5h12M5 8h9M5 12.5h9M2 8h.01M2 12.5h.01",
  differ: "M5 3v10M11 3v10M2.5 6h5M8.5 10h5",
  wide: "M6 3H3v3m0-3 4 4m3 6h3v-3m0 3-4-4",
};

/** One of the islands' icons, hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "island-icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Call back after the next paint. */
export function afterPaint(callback) {
  // The frame callback runs before its paint; the task that it queues, after it.
  requestAnimationFrame(() => setTimeout(callback));
}

/**
 * Put `root` back when a morph of the page took it out: what the server sends for an island is an empty element.
 * @param {HTMLElement} host
 * @param {HTMLElement} root
 * @param {() => void} [back] called when it was put back
 * @returns {MutationObserver} disconnect it with the island
 */
export function keepInside(host, root, back) {
  const observer = new MutationObserver(() => {
    if (root.parentNode === host) return;
    host.replaceChildren(root);
    back?.();
  });
  observer.observe(host, { childList: true });
  return observer;
}

/** Keep a small preference; storage may be switched off. */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // then it lasts as long as the page
  }
}

/** Read a preference back, or null. */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** A size for people. */
export function bytes(size) {
  if (size < 1024) return `${size} B`;
  const unit = size < 2 ** 20 ? "KiB" : size < 2 ** 30 ? "MiB" : "GiB";
  const amount = size / { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }[unit];
  return `${amount.toFixed(amount < 10 ? 1 : 0)} ${unit}`;
}

/** Offer a file of ours for saving. */
export function save(name, blob) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * Write text into an element that holds nothing else. A node put into the page makes every rule with :has() be looked at
 * anew, which costs milliseconds on a large page; a text that changes does not.
 */
export function write(element, text) {
  const node = element.firstChild;
  if (!node) element.append(text);
  else if (node.data !== text) node.data = text;
}

/** Show or hide, many times a second. Not by `hidden`, for the same reason. */
export function seen(element, yes) {
  const wanted = yes ? "" : "none";
  if (element.style.display !== wanted) element.style.display = wanted;
}
