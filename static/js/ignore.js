// What of a folder is code: a simple reading of .gitignore and .danluignore at its root, and the defaults of
// `danlu submit` (danlu/packrules.py).

const DEFAULTS = `
__pycache__/
*.py[co]
.venv/
venv/
node_modules/
.ipynb_checkpoints/
.mypy_cache/
.pytest_cache/
.ruff_cache/
.tox/
.nox/
*.egg-info/
.DS_Store
Thumbs.db
danlu-data/
events.out.tfevents.*`;
const WEIGHTS = /\.(?:pt|pth|ckpt|safetensors|bin|h5|keras|npz|onnx|pkl)$/i;
const WEIGHTS_BYTES = 1_000_000;

/** A glob of gitignore as a regular expression on paths; null for a line that says nothing. */
function pattern(line) {
  let glob = line.replace(/(?<!\\)\s+$/, "");
  if (!glob || glob.startsWith("#")) return null;
  const negated = glob.startsWith("!");
  if (negated) glob = glob.slice(1);
  const folder = glob.endsWith("/");
  if (folder) glob = glob.slice(0, -1);
  const anchored = glob.includes("/");
  if (glob.startsWith("/")) glob = glob.slice(1);
  let text = "";
  for (let at = 0; at < glob.length; at++) {
    const rest = glob.slice(at);
    if (rest.startsWith("**/")) {
      text += "(?:.*/)?";
      at += 2;
    } else if (rest.startsWith("/**") && rest.length === 3) {
      text += "/.*";
      at += 2;
    } else if (rest[0] === "*") text += "[^/]*";
    else if (rest[0] === "?") text += "[^/]";
    else if (rest[0] === "[" && rest.indexOf("]", 2) > 0) {
      const set = rest.slice(1, rest.indexOf("]", 2));
      text += `[${set.startsWith("!") ? `^${set.slice(1)}` : set}]`.replaceAll("\\", "\\\\");
      at += set.length + 1;
    } else {
      if (rest[0] === "\\" && rest.length > 1) at++;
      text += glob[at].replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
    }
  }
  try {
    return { negated, folder, test: new RegExp(`^${anchored ? "" : "(?:.*/)?"}${text}$`) };
  } catch {
    return null; // a set such as [z-a]: git ignores such a line, too
  }
}

/** What these rules say of a path: leave it out (true), keep it (false), or nothing (null); the last one wins. */
function verdict(rules, path, folder) {
  let says = null;
  for (const rule of rules) if ((folder || !rule.folder) && rule.test.test(path)) says = !rule.negated;
  return says;
}

const read = (text) => text.split(/\r?\n/).map(pattern).filter(Boolean);

/**
 * What to leave out of a folder.
 * @param {string} gitignore text of the .gitignore at its root
 * @param {string} danluignore text of the .danluignore there; it is the stronger one, and both take back defaults
 * @returns {(path: string, size?: number) => string|null} why a file (or without a size a folder) is left out, or
 *   null. What is inside of a folder that is left out need not be asked for.
 */
export function ignoring(gitignore, danluignore) {
  const ours = read(DEFAULTS);
  const theirs = [[".danluignore", read(danluignore)], [".gitignore", read(gitignore)]];
  return (path, size) => {
    const folder = size === undefined;
    if (path === ".git" || path.endsWith("/.git")) return "never code";
    for (const [name, rules] of theirs) {
      const says = verdict(rules, path, folder);
      if (says !== null) return says ? name : null;
    }
    if (verdict(ours, path, folder)) return "left out by default";
    return !folder && size > WEIGHTS_BYTES && WEIGHTS.test(path) ? "looks like weights" : null;
  };
}
