// What was dropped or chosen: a script for the editor, or files that go to the server as a snapshot.
import { bytes } from "./dom.js";
import { inside, pack, sift, walk, weight } from "./folder.js";

const SCRIPT = /\.(?:py|sh)$/i;
const ARCHIVE = /\.(?:zip|tar\.gz|tgz)$/i;
const IN_EDITOR = 400_000;

/** What a drop holds; has to be called before the event handler returns. */
export function itemsOf(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  return items.map((item) => ({ entry: item.webkitGetAsEntry?.() ?? null, file: item.getAsFile() }));
}

/**
 * Take what was dropped.
 * @returns {Promise<{name: string, text: string} | {snapshot: object, left: object[]}>} a script for the editor, or a
 *   snapshot's JSON with what was left out
 * @throws {Error} with a sentence for the user
 */
export async function takeItems(items, limit, say) {
  if (items.length === 1 && !items[0].entry?.isDirectory) return takeFile(items[0].file, limit, say);
  const entries = items.map(({ entry }) => entry).filter(Boolean);
  if (!entries.length) throw new Error("This browser cannot read several files of a drop: use the button Upload a folder.");
  say("Reading the folder…");
  const single = entries.length === 1;
  return takeFolder(single ? entries[0].name : "files", await walk(single ? await inside(entries[0]) : entries), limit, say);
}

/** Take one file; as `takeItems`. */
export async function takeFile(file, limit, say) {
  if (ARCHIVE.test(file.name)) return { snapshot: await upload(file, file.name, limit, say), left: [] };
  if (!SCRIPT.test(file.name)) throw new Error(`${file.name} is no script: drop a .py file, a .zip or .tar.gz, or a folder.`);
  if (file.size > IN_EDITOR) return { snapshot: await upload(file, file.name, limit, say), left: [] };
  const text = await file.text();
  // of another encoding: the editor would change it
  if (text.includes("\uFFFD")) return { snapshot: await upload(file, file.name, limit, say), left: [] };
  if (text.includes("\0")) throw new Error(`${file.name} is not text.`);
  return { name: file.name, text };
}

/** Take the files of an <input webkitdirectory>; as `takeItems`. */
export async function takeList(list, limit, say) {
  say("Reading the folder…");
  return takeFolder(list[0].webkitRelativePath.split("/")[0], await sift(list), limit, say);
}

async function takeFolder(name, { files, left }, limit, say) {
  if (!files.length) throw new Error(`${name} has no file that is not left out.`);
  const size = weight(files);
  if (size > limit * 4) {
    const largest = files.reduce((one, other) => (one.file.size > other.file.size ? one : other));
    throw new Error(
      `${name} has ${bytes(size)} of files, the largest ${largest.path} (${bytes(largest.file.size)}). Name what is not code in a .danluignore, one pattern a line.`,
    );
  }
  say(`Packing ${files.length} files, ${bytes(size)}…`);
  return { snapshot: await upload(await pack(files), `${name}.zip`, limit, say), left };
}

async function upload(blob, name, limit, say) {
  if (blob.size > limit) throw new Error(`${name} has ${bytes(blob.size)}; at most ${bytes(limit)} can be uploaded.`);
  say(`Uploading ${name}, ${bytes(blob.size)}…`);
  let response;
  try {
    response = await fetch(`/api/v1/snapshots?filename=${encodeURIComponent(name)}`, {
      method: "POST",
      body: blob,
      headers: { Accept: "application/json", "Content-Type": "application/octet-stream" },
    });
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(`${name} was refused. ${answer.detail ?? `The server answered ${response.status}.`}`);
  return answer;
}
