// When two runs are the same configuration: equal in all but the seed; and what counts as a seed. Pure functions on rows;
// app/compare/seeds/configuration.py agrees.

/** Params that are a seed by their name. */
const SEEDS = new Set(["seed", "random_seed", "rng_seed", "manual_seed", "global_seed"]);
const SHOWN = 40; // characters of a value in a label
const SNAPSHOT = 12; // characters of a snapshot's id that tell one from another
const known = new WeakMap(); // of rows, which are never changed in what defines them

/** Is this param a seed? `trainer.seed` and `random-seed` are, too. */
export function isSeed(key) {
  return SEEDS.has(key.split(".").at(-1).toLowerCase().replaceAll("-", "_"));
}

/** The seed that a run trained with: its param's, its command line's, or else the run's own. */
export function seedOf(row) {
  const key = Object.keys(row.params).find(isSeed);
  if (key !== undefined) return row.params[key];
  for (const words of [row.args ?? [], row.entrypoint?.split(" ") ?? []]) {
    const at = seedWord(words);
    if (at) return words[at.word].slice(at.from);
  }
  return row.seed;
}

/** A command line with another seed; null where it has none. */
export function withSeed(args, seed) {
  const at = seedWord(args);
  return at && args.map((word, place) => (place === at.word ? word.slice(0, at.from) + seed : word));
}

/** Where the value of the seed stands in a command line: which word, and from which character on. */
function seedWord(args) {
  for (const [at, word] of args.entries()) {
    const equals = word.indexOf("=");
    const name = (equals < 0 ? word : word.slice(0, equals)).replace(/^[-+]+/, "");
    if (!isSeed(name)) continue;
    if (equals >= 0) return { word: at, from: equals + 1 };
    if (word.startsWith("-") && at + 1 < args.length) return { word: at + 1, from: 0 };
  }
  return null;
}

/**
 * The same text for two runs that differ in nothing but the seed: "rings lr=0.1 width=64". A run of which nothing is known
 * stands alone.
 */
export function configurationOf(row) {
  let text = known.get(row);
  if (text === undefined) known.set(row, (text = written(row)));
  return text;
}

function written(row) {
  if (!row.recipe && !row.snapshot && !Object.keys(row.params).length) return `run #${row.id}`;
  const params = Object.keys(row.params).filter((key) => !isSeed(key)).sort();
  return [
    row.recipe ?? commandOf(row) ?? "", ...(row.snapshot ? [`code:${row.snapshot.slice(0, SNAPSHOT)}`] : []), ...seedless(row.args ?? []).map(quoted),
    ...params.map((key) => `${quoted(key)}=${JSON.stringify(canonical(row.params[key]))}`),
  ].join(" ");
}

/** A word as it stands, or in quotes where it could be taken for several. */
function quoted(word) {
  return /^[\w./:+-]+$/.test(word) ? word : JSON.stringify(word);
}

/**
 * What tells configurations from each other: "lr 0.1 · width 64"; what they execute where nothing does. Params count
 * among runs of the same code only.
 */
export function labelsOf(rows) {
  const code = rows.map((row) => row.recipe ?? commandOf(row) ?? row.name);
  const kin = new Map();
  rows.forEach((row, at) => {
    if (!kin.has(code[at])) kin.set(code[at], []);
    kin.get(code[at]).push(row);
  });
  const differing = new Map([...kin].map(([what, some]) => [what, aboutOf(some)]));
  return rows.map((row, at) => {
    const { keys, words, snapshots } = differing.get(code[at]);
    const parts = keys.filter((key) => Object.hasOwn(row.params, key)).map((key) => `${key} ${shown(row.params[key])}`);
    if (kin.size > 1 || !parts.length) parts.unshift(code[at]);
    if (words && row.args?.length) parts.push(seedless(row.args).join(" "));
    if (snapshots && row.snapshot) parts.push(`code ${row.snapshot.slice(0, 7)}`);
    return parts.join(" · ");
  });
}

/** In what runs of the same code differ: params, else words of the command line; and whether in the code itself. */
function aboutOf(rows) {
  const several = (values) => new Set(values.map((value) => JSON.stringify(canonical(value ?? null)))).size > 1;
  const all = [...new Set(rows.flatMap((row) => Object.keys(row.params)))].filter((key) => !isSeed(key));
  const keys = all.filter((key) => several(rows.map((row) => own(row.params, key))));
  const words = !keys.length && several(rows.map((row) => seedless(row.args ?? [])));
  return { keys, words, snapshots: several(rows.map((row) => row.snapshot)) };
}

/** What is run; a command line for the shell without its seed. */
function commandOf(row) {
  return row.entrypoint && seedless(row.entrypoint.split(" ")).join(" ");
}

/** A command line without its seed: --seed 3, --seed=3 and seed=3 are left out. */
function seedless(args) {
  const left = [];
  for (let at = 0; at < args.length; at++) {
    const [name, value] = args[at].split("=", 2);
    const bare = name.replace(/^[-+]+/, "");
    if (!isSeed(bare) || (value === undefined && !name.startsWith("-"))) left.push(args[at]);
    else if (value === undefined) at += 1; // its value is the next word
  }
  return left;
}

/** The same value with the keys of objects in order. */
function canonical(value) {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, canonical(value[key])]));
}

function shown(value) {
  if (value === null || value === undefined) return "none";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > SHOWN ? `${text.slice(0, SHOWN - 1)}…` : text;
}

/** A value by its name, which may be that of a property that every object has: "constructor". */
export function own(object, key) {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}
