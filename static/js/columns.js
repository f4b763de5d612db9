// Columns of series as GET /api/v1/metrics sends them to us (application/vnd.danlu.columns): a head in JSON, then typed
// arrays. A column is decoded once however many series share it: series that were logged at the same steps have the *same*
// array as their `step`, which tells in a glance that they need no alignment.

const ARRAYS = { u8: Uint8Array, u16: Uint16Array, u32: Uint32Array, f32: Float32Array, f64: Float64Array };
const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const NAMES = (value) => (value > 0 ? "inf" : value < 0 ? "-inf" : "nan");

/**
 * Read an answer.
 * @param {ArrayBuffer} buffer
 * @returns {{series: object[], tags: string[], settled: boolean, all?: string[]}} each series: run, tag, step, wall, y (null where a
 *   value is not finite), bad (index → "nan", "inf" or "-inf"), total, sampled; x only where it is not the step; before and
 *   anchor where points after a step were asked for
 */
export function decode(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const start = 4 + length;
  const raw = head.columns.map(() => null);
  const numbers = (id) => (raw[id] ??= column(buffer, start, head.columns[id]));
  const values = new Map();
  const value = (id) => {
    if (!values.has(id)) values.set(id, torn(numbers(id)));
    return values.get(id);
  };
  const sampled = new Set(head.sampled);
  const series = head.run.map((run, i) => {
    const { y, bad } = value(head.value[i]);
    const one = { run, tag: head.tags[head.tag[i]], step: numbers(head.step[i]), wall: numbers(head.wall[i]), y, bad, total: head.total[i], sampled: sampled.has(i) };
    if (head.x) one.x = numbers(head.x[i]);
    if (head.before) [one.before, one.anchor] = [head.before[i], head.anchor[i]];
    return one;
  });
  return { series, tags: head.tags, settled: head.settled, all: head.all };
}

function column(buffer, start, [type, count, at, base, divisor]) {
  const out = new Array(count);
  if (type === "range") {
    for (let i = 0; i < count; i++) out[i] = base + i * divisor;
    return out;
  }
  const raw = LITTLE ? new ARRAYS[type](buffer, start + at, count) : swapped(buffer, start + at, type, count);
  if (base === 0 && divisor === 1) for (let i = 0; i < count; i++) out[i] = raw[i];
  else for (let i = 0; i < count; i++) out[i] = (base + raw[i]) / divisor;
  return out;
}

/** A value that is not finite has no place in a line: null, and its name beside. */
function torn(y) {
  const bad = new Map();
  for (let i = 0; i < y.length; i++) {
    if (Number.isFinite(y[i])) continue;
    bad.set(i, NAMES(y[i]));
    y[i] = null;
  }
  return { y, bad };
}

function swapped(buffer, at, type, count) {
  const view = new DataView(buffer, at);
  const read = { u8: "getUint8", u16: "getUint16", u32: "getUint32", f32: "getFloat32", f64: "getFloat64" }[type];
  const size = ARRAYS[type].BYTES_PER_ELEMENT;
  return Array.from({ length: count }, (_, i) => view[read](i * size, true));
}
