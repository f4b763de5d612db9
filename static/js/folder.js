// Folders from a drop or from <input webkitdirectory>: which of their files are code, and one zip of those.
import { Zip, ZipDeflate } from "../vendor/fflate/fflate.js";
import { ignoring } from "./ignore.js";

const LISTS = [".gitignore", ".danluignore"];
const EARLIEST = Date.UTC(1980, 0, 2); // of a zip
const WEIGHTY = /\.(?:zip|gz|png|jpe?g|gif|webp|mp4|npz|pt|pth|safetensors|whl)$/i;

/** One entry of a drop as a file; a folder that vanished meanwhile rejects. */
const asFile = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

async function children(folder) {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    // browsers give at most a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    found.push(...some);
  }
}

/**
 * The code of a dropped folder.
 * @param {FileSystemEntry[]} entries its children (or what was dropped together)
 * @returns {Promise<{files: {path: string, file: File}[], left: {path: string, why: string}[]}>}
 */
export async function walk(entries) {
  const lists = await Promise.all(
    LISTS.map(async (name) => {
      const entry = entries.find((one) => one.isFile && one.name === name);
      return entry ? (await asFile(entry)).text() : "";
    }),
  );
  const why = ignoring(...lists);
  const [files, left] = [[], []];
  const visit = async (entry, path) => {
    const file = entry.isFile ? await asFile(entry) : null;
    const reason = why(path, file?.size);
    if (reason) left.push(file ? { path, why: reason, size: file.size } : { path: `${path}/`, why: reason });
    else if (file) files.push({ path, file });
    else for (const child of await children(entry)) await visit(child, `${path}/${child.name}`);
  };
  for (const entry of entries) await visit(entry, entry.name);
  return { files, left };
}

/** The children of a dropped folder, for `walk`. */
export const inside = children;

/** The code among the files of an <input webkitdirectory>; as `walk`. */
export async function sift(list) {
  const all = [...list].map((file) => ({ path: file.webkitRelativePath.split("/").slice(1).join("/"), file }));
  const lists = await Promise.all(LISTS.map(async (name) => (await all.find(({ path }) => path === name)?.file.text()) ?? ""));
  const why = ignoring(...lists);
  const [files, left] = [[], new Map()];
  for (const { path, file } of all) {
    const out = outermost(path, file.size, why);
    if (!out) files.push({ path, file });
    else left.set(out.path, { path: out.path, why: out.why, size: (left.get(out.path)?.size ?? 0) + file.size });
  }
  return { files, left: [...left.values()] };
}

/** The first part of a path, from its root on, that is left out. */
function outermost(path, size, why) {
  const parts = path.split("/");
  for (let depth = 1; depth <= parts.length; depth++) {
    const part = parts.slice(0, depth).join("/");
    const inner = depth < parts.length;
    const reason = why(part, inner ? undefined : size);
    if (reason) return { path: inner ? `${part}/` : part, why: reason };
  }
  return null;
}

/** Bytes of these files together. */
export const weight = (files) => files.reduce((sum, { file }) => sum + file.size, 0);

/** One zip of these files. The page stays alive: each file is read and deflated in its own turn. */
export async function pack(files) {
  const parts = [];
  let failed = null;
  const zip = new Zip((error, data) => {
    failed ??= error;
    if (data) parts.push(data);
  });
  for (const { path, file } of files) {
    const part = new ZipDeflate(path, { level: WEIGHTY.test(path) ? 0 : 6, mtime: new Date(Math.max(file.lastModified, EARLIEST)) });
    zip.add(part);
    part.push(new Uint8Array(await file.arrayBuffer()), true);
    if (failed) throw failed;
  }
  zip.end();
  return new Blob(parts, { type: "application/zip" });
}
