// TensorBoard on exactly the chosen runs: of a small experiment its own one with a filter, else a collection of them.
import { ask, toast } from "./toast.js";

export const MAX_RUNS = 200;

/**
 * Open TensorBoard on these runs, in a tab of its own.
 * @param {number[]} ids of one or several experiments, at most 200
 * @param {object} [carried] what is taken along: `smoothing` from 0 to 0.99; `dark`, else as the page is; `tag`, a curve's
 *   name here; `filter`, a pattern of names
 * @returns {Promise<string|null>} its address; null when it was refused
 */
export async function openTensorBoard(ids, carried = {}) {
  if (!ids.length) return null;
  if (ids.length > MAX_RUNS) {
    toast(`TensorBoard is opened on at most ${MAX_RUNS} runs; ${ids.length} are selected.`, "error");
    return null;
  }
  // At once: later it would be a window that nobody asked for, and be blocked.
  const tab = window.open("", "_blank");
  if (tab) tab.opener = null;
  const made = await ask("POST", "/api/v1/tensorboards/collections", { runs: ids });
  if (!made) {
    tab?.close();
    return null;
  }
  const address = boardUrl(made.filter ?? made.url, carried);
  if (tab) tab.location.replace(new URL(address, location.href));
  else location.assign(address);
  return address;
}

/** The address of a TensorBoard that shows what is seen here. */
export function boardUrl(base, { smoothing, dark = isDark(), tag, filter } = {}) {
  const query = new URLSearchParams();
  const pattern = tag ? patternOf(tag) : filter;
  if (pattern) query.set("tagFilter", pattern);
  if (Number.isFinite(smoothing)) query.set("smoothing", String(Math.min(0.99, Math.max(0, smoothing))));
  query.set("darkMode", String(Boolean(dark)));
  return `${base}${base.includes("?") ? "&" : "?"}${query}#timeseries`;
}

/** What of a workbench's state is carried over. */
export function carriedFrom(state) {
  const [pinned, ...others] = state.get("pins");
  return {
    // TensorBoard knows the one kind only.
    smoothing: state.get("smk") === "ema" ? state.get("sm") : undefined,
    filter: state.get("f") || undefined,
    tag: !state.get("f") && !others.length ? pinned : undefined,
  };
}

/** A curve's name here may begin with the folders of its event file, which in TensorBoard are part of the run's name. */
function patternOf(tag) {
  const parts = tag.split("/");
  const names = parts.map((_, at) => parts.slice(at).join("/").replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return `^(${names.join("|")})$`;
}

function isDark() {
  const { theme } = document.documentElement.dataset;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
