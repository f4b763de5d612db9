// Which rows lie inside of the brushes of the parallel coordinates. Pure; the rows of the table are filtered by it.
import { column, plain } from "./wb_columns.js";

const words = new Intl.Collator("en", { numeric: true });

/** The order of values that are no numbers. */
export function byWord(a, b) {
  return words.compare(a, b);
}

/**
 * A test of rows, or null when there are no brushes.
 * @param {Record<string, [number|string|null, number|string|null]>} brushes from and to by column; null: open
 * @returns {((row: object) => boolean)|null}
 */
export function brushed(brushes) {
  const tests = Object.entries(brushes).map(([name, [low, high]]) => ({ value: column(name).value, low, high }));
  if (!tests.length) return null;
  return (row) => tests.every(({ value, low, high }) => inside(value(row), low, high));
}

/** Does a value lie between two others? One that is missing does not. */
export function inside(value, low, high) {
  if (value === null || value === undefined || Number.isNaN(value)) return false;
  if (typeof value === "number" && typeof low !== "string" && typeof high !== "string") {
    return (low === null || value >= low) && (high === null || value <= high);
  }
  const text = plain(value);
  return (low === null || byWord(text, String(low)) >= 0) && (high === null || byWord(text, String(high)) <= 0);
}
