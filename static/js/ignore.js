// What of a folder is code: a simple reading of .gitignore and .danluignore at its root, and what is never code.

const NEVER = new Set([
  ".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache",
  ".ipynb_checkpoints", ".tox", ".nox", ".DS_Store", ".idea", ".vscode",
]);

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

/**
 * What to leave out of a folder.
 * @param {...string} files texts of .gitignore and .danluignore; the later ones win
 * @returns {(path: string, folder: boolean) => string|null} why a path is left out, or null. What is inside of a
 *   folder that is left out need not be asked for.
 */
export function ignoring(...files) {
  const rules = files.flatMap((text) => text.split(/\r?\n/).map(pattern)).filter(Boolean);
  return (path, folder) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (NEVER.has(name) || /\.py[co]$/.test(name)) return "never code";
    let out = false;
    for (const rule of rules) if ((folder || !rule.folder) && rule.test.test(path)) out = !rule.negated;
    return out ? "ignored" : null;
  };
}
