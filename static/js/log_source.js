// Reads pieces of a run's log by byte offsets.

/** @typedef {{start: number, end: number, text: string}} LogPart */

const decoder = new TextDecoder();
const encoder = new TextEncoder();
// What the server puts in the place of output that it dropped; these bytes are not part of the output.
const NOTE = /^… [\d,]+ bytes of output were dropped here: [^\n]*\n/;
const TAIL_LINES = 2000;
const TAIL_BYTES = 1 << 18;

/** Length in UTF-8. */
export function byteLength(text) {
  return encoder.encode(text).length;
}

/** A text without its first `count` bytes. */
export function withoutBytes(text, count) {
  return decoder.decode(encoder.encode(text).subarray(count));
}

async function read(run, query, signal) {
  const response = await fetch(`/api/v1/runs/${run}/log?${new URLSearchParams(query)}`, {
    signal,
    cache: "no-store",
    headers: { Accept: "text/plain" },
  });
  if (!response.ok) throw new Error(`The output cannot be read (${response.status}).`);
  const end = Number(response.headers.get("X-Next-Offset"));
  let bytes = new Uint8Array(await response.arrayBuffer());
  const note = NOTE.exec(decoder.decode(bytes.subarray(0, 300)));
  if (note) bytes = bytes.subarray(byteLength(note[0]));
  return { start: end - bytes.length, end, bytes, note: note?.[0].trimEnd() };
}

/**
 * The end of the log.
 * @param {string} run
 * @param {AbortSignal} signal
 * @returns {Promise<LogPart>}
 */
export async function readTail(run, signal) {
  const part = await read(run, { tail: TAIL_LINES, limit: TAIL_BYTES }, signal);
  // A piece as long as the limit begins anywhere in a line; the rest of that line comes with the history.
  const cut = part.bytes.length < TAIL_BYTES ? 0 : part.bytes.indexOf(10) + 1;
  const bytes = cut < part.bytes.length ? part.bytes.subarray(cut) : part.bytes;
  return { start: part.end - bytes.length, end: part.end, text: decoder.decode(bytes) };
}

/**
 * Everything from one offset to another.
 * @param {string} run
 * @param {number} from
 * @param {number} to
 * @param {AbortSignal} signal
 * @returns {Promise<LogPart>} `end` is less than `to` only when there is nothing more
 */
export async function readRange(run, from, to, signal) {
  let at = from;
  let text = "";
  const streaming = new TextDecoder();
  while (at < to) {
    const part = await read(run, { offset: at, limit: Math.min(to - at, 1 << 18) }, signal);
    if (part.note) text += `${text && !text.endsWith("\n") ? "\n" : ""}${part.note}\n`;
    if (part.end <= at) break;
    text += streaming.decode(part.bytes.subarray(0, Math.max(0, to - part.start)), { stream: true });
    at = part.end;
  }
  return { start: from, end: Math.min(at, to), text: text + streaming.decode() };
}
