// What is being written on a page, kept in localStorage for this tab alone: a reload or a crash loses nothing.
const TAB = "danlu-tab";
const PREFIX = "danlu-draft:";
const KEEP_MS = 14 * 24 * 3600 * 1000;

function tab() {
  let id = sessionStorage.getItem(TAB);
  if (!id) {
    id = crypto.getRandomValues(new Uint32Array(2)).join("");
    sessionStorage.setItem(TAB, id);
  }
  return id;
}

/** Drafts of tabs that were closed long ago. */
function tidy(now) {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX)) continue;
    const at = Number(/"at":(\d+)/.exec(localStorage.getItem(key).slice(0, 40))?.[1] ?? 0);
    if (now - at > KEEP_MS) localStorage.removeItem(key);
  }
}

export class Draft {
  /** @param {string} what names the page, such as "script" or "script from 12" */
  constructor(what) {
    try {
      this.key = `${PREFIX}${tab()}:${what}`;
      tidy(Date.now());
    } catch {
      this.key = null; // storage is switched off: the text lives as long as the page
    }
  }

  /** What was kept, or null. */
  read() {
    try {
      return this.key ? JSON.parse(localStorage.getItem(this.key)) : null;
    } catch {
      return null;
    }
  }

  /** Keep this; false when it does not fit (browsers give 5 MB). */
  write(state) {
    try {
      if (this.key) localStorage.setItem(this.key, JSON.stringify({ at: Date.now(), ...state }));
      return Boolean(this.key);
    } catch {
      return false;
    }
  }

  forget() {
    try {
      if (this.key) localStorage.removeItem(this.key);
    } catch {
      // then there was nothing to forget
    }
  }
}
