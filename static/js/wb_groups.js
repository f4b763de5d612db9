// Runs that are alike in a column, put together: the lines of the grouped table and the means of the charts. Pure.
import { column, plain } from "./wb_columns.js";
import { labelsOf } from "./wb_configuration.js";

/**
 * Groups of runs, in the order of their first ones; also those of one run.
 * @param {number[]} ids
 * @param {(id: number) => object|undefined} rowOf a run of which nothing is known belongs to "none"
 * @param {string} by name of a column whose equal values are one group; "configuration": all but the seed
 * @returns {{key: string, label: string, ids: number[]}[]} `key` tells a group from the others and is the same as long as
 *   its value is; `label` is for people
 */
export function groupsOf(ids, rowOf, by) {
  const { value } = column(by);
  const groups = new Map();
  for (const id of ids) {
    const row = rowOf(id);
    const key = labelOf(row && value(row));
    if (!groups.has(key)) groups.set(key, { key, label: key, ids: [] });
    groups.get(key).ids.push(id);
  }
  const found = [...groups.values()];
  if (by === "configuration") name(found, rowOf);
  return found;
}

/** A whole configuration is long; what tells it from the others is what one wants to read. */
function name(groups, rowOf) {
  const told = groups.filter((one) => rowOf(one.ids[0]));
  labelsOf(told.map((one) => rowOf(one.ids[0]))).forEach((label, at) => (told[at].label = label));
}

/** What a value of a group is called. */
export function labelOf(value) {
  return value === null || value === undefined ? "none" : plain(value);
}
