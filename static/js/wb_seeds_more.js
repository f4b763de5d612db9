// More seeds of a group: clones of its newest run with seeds that none of it has had, and a way back.
import { make } from "./dom.js";
import { ask, toast } from "./toast.js";
import { configurationOf, seedOf, withSeed } from "./wb_configuration.js";

/**
 * Queue clones of a group with new seeds, and offer to cancel them.
 * @param {object} state of the workbench
 * @param {{runs: {id: number, seed: any}[], seed_param: string|null, label: string}} group as the server has it
 * @param {number} count
 */
export async function queueMore(state, group, count) {
  const [{ id }] = group.runs;
  const seeds = freeSeeds(usedSeeds(state, group), count);
  const made = [];
  for (const seed of seeds) {
    const run = await ask("POST", `/api/v1/runs/${id}/clone`, changes(state.rows.get(id), group, seed));
    if (!run) break; // the refusal was shown
    made.push(run.id);
  }
  if (!made.length) return;
  const used = seeds.slice(0, made.length);
  const box = toast(`Queued ${made.length} more of ${group.label}: seed${made.length === 1 ? "" : "s"} ${used.join(", ")}.`);
  const undo = make("button", { class: "btn small", type: "button", onclick: async () => {
    undo.disabled = true;
    const answer = await ask("POST", "/api/v1/runs/bulk", { ids: made, action: "cancel" });
    box.remove();
    if (!answer) return;
    const kept = answer.refused.length;
    toast(kept ? `${answer.done.length} cancelled; ${kept} had ended already.` : "Cancelled.", kept ? "error" : "info");
    state.rows.refresh();
  } }, "Undo");
  box.querySelector("p").after(undo);
  state.rows.refresh();
}

/** Seeds that any run of this configuration has had, also one that the filter leaves out. */
function usedSeeds(state, group) {
  const used = new Set(group.runs.map(({ seed }) => String(seed)));
  const row = state.rows.get(group.runs[0].id);
  if (!row) return used;
  const key = configurationOf(row);
  for (const other of state.rows.all.values()) if (configurationOf(other) === key) used.add(String(seedOf(other)));
  return used;
}

/** The smallest seeds that are not used. */
export function freeSeeds(used, count) {
  const free = [];
  for (let seed = 0; free.length < count; seed++) if (!used.has(String(seed))) free.push(seed);
  return free;
}

/** What makes a clone that trains with this seed: a param, a word of its command line, or the run's own seed. */
function changes(row, group, seed) {
  if (group.seed_param) return { seed, params: { [group.seed_param]: seed } };
  const args = row && withSeed(row.args ?? [], seed);
  if (args) return { seed, args };
  const words = row?.entrypoint && withSeed(row.entrypoint.split(" "), seed);
  return words ? { seed, entrypoint: words.join(" ") } : { seed };
}
