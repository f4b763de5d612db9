// What of a workbench the address holds: for each key its default, and how it is read and written.
// A list is joined with commas; a comma or a percent sign inside of an item is escaped, so that any name fits.

const pack = (item) => String(item).replace(/[%,~]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
const unpack = (text) => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};

const text = (otherwise = "") => ({ otherwise, read: (value) => value, write: (value) => value });
const oneOf = (...words) => ({ otherwise: words[0], read: (value) => (words.includes(value) ? value : undefined), write: (value) => value });
const flag = () => ({ otherwise: false, read: (value) => value === "1", write: (value) => (value ? "1" : "0") });
const number = (otherwise, low = -Infinity, high = Infinity) => ({
  otherwise,
  read: (value) => (value !== "" && Number.isFinite(Number(value)) ? Math.min(high, Math.max(low, Number(value))) : undefined),
  write: String,
});
const list = (otherwise = []) => ({
  otherwise,
  read: (value) => (value ? value.split(",").map(unpack) : []),
  write: (value) => value.map(pack).join(","),
});
const ids = () => ({
  otherwise: [],
  read: (value) => [...new Set(value.split(",").map(Number).filter((id) => Number.isSafeInteger(id) && id > 0))],
  write: (value) => value.join(","),
});
/** Sizes by name: name~120,other~80. */
const sizes = () => ({
  otherwise: {},
  read: (value) => Object.fromEntries(value.split(",").map((item) => item.split("~")).filter(([, size]) => Number(size) > 0).map(([name, size]) => [unpack(name), Number(size)])),
  write: (value) => Object.entries(value).map(([name, size]) => `${pack(name)}~${Math.round(size)}`).join(","),
});
/** From and to, as in z=100~900. */
const range = () => ({
  otherwise: null,
  read: (value) => {
    const ends = value.split("~").map(Number);
    return ends.length === 2 && ends.every(Number.isFinite) && ends[0] < ends[1] ? ends : undefined;
  },
  write: (value) => value.join("~"),
});
/** Ranges of several axes: lr~0.001~0.1,loss~~2; an open end is null. */
const brushes = () => ({
  otherwise: {},
  read: (value) => Object.fromEntries(value.split(",").map((item) => item.split("~")).filter((parts) => parts.length === 3).map(([name, low, high]) => [unpack(name), [end(low), end(high)]])),
  write: (value) => Object.entries(value).map(([name, [low, high]]) => `${pack(name)}~${low === null ? "" : pack(low)}~${high === null ? "" : pack(high)}`).join(","),
});
/** What single charts do differently: tag~letters, or tag~letters~from~to with a zoom of their own. */
const charts = () => ({
  otherwise: {},
  read: (value) => Object.fromEntries(value.split(",").map((item) => item.split("~")).filter(([, letters]) => /^[a-z]+$/i.test(letters ?? "")).map(([tag, letters, from, to]) => [unpack(tag), { letters, zoom: to !== undefined && Number(from) < Number(to) ? [Number(from), Number(to)] : null }])),
  write: (value) => Object.entries(value).map(([tag, { letters, zoom }]) => [pack(tag), letters, ...(zoom ?? [])].join("~")).join(","),
});
function end(value) {
  if (value === "") return null;
  return Number.isFinite(Number(value)) ? Number(value) : unpack(value);
}

/** Every key of the workbench's address; without a prototype, for an address may have a key called "constructor". */
export const KEYS = {
  __proto__: null,
  view: number(null, 0), // the saved view that this began with; 0: none, although the experiment has a default
  q: text(), // the filter
  sort: text("-created"), // created, name, params.lr, metrics.loss/val.min …, a minus turns it round; a second one after a comma
  cols: list(null), // columns in order; null: chosen by what differs
  pin: list(), // columns that stay at the left, beside the name
  w: sizes(), // widths of columns, px
  group: text(), // column whose equal values are one row
  diff: flag(), // only columns that differ
  arch: flag(), // archived runs, too
  sel: ids(), // ticked
  hide: ids(), // not drawn
  base: number(null, 1), // the baseline
  lay: oneOf("auto", "top", "side"), // the table above the panes or beside them; auto: beside where there is room
  pane: oneOf("charts", "params", "media", "diff", "seeds", "report"),
  x: oneOf("step", "relative", "wall", "epoch"),
  sm: number(0, 0, 0.99), // smoothing
  smk: oneOf("ema", "gauss"),
  logx: flag(),
  logy: flag(),
  zero: flag(), // y from zero
  out: flag(), // outliers ignored
  own: charts(), // what single charts do differently
  z: range(), // zoom
  f: text(), // filter of tags
  pins: list(), // tags on top
  fold: list(), // sections of charts that are open where they would be closed, or the other way round
  full: text(), // the tag whose chart fills the screen
  step: number(null, 0), // of the media
  band: oneOf("se", "sd", "ci", "none"),
  pc: list(null), // axes of the parallel coordinates
  br: brushes(),
  sx: text(), // scatter
  sy: text(),
  sc: text(), // colour of the scatter; empty: that of the run
  flip: list(), // columns whose axis is logarithmic where it would be linear, or the other way round
  metric: text(), // the metric that panes are about
  agg: oneOf("last", "min", "max"), // which value of it
  goal: oneOf("auto", "min", "max"), // which is better
  mt: text(), // the media: kind:tag
  hist: oneOf("ridges", "bars"),
  mz: list(), // zoom of the images: factor, centre x, centre y
  ab: ids(), // two runs, one image over the other
  pair: ids(), // the two runs of the difference pane; none: by what is ticked
  raw: flag(), // outputs are compared with their numbers and times
  two: ids(), // a run of each of two groups of seeds
  test: oneOf("welch", "mannwhitney"),
};
