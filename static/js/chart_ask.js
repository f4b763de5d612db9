// The requests of the charts: their addresses, and what became of an answer.
import { decode } from "./columns.js";

const FIRST_TAGS = 4;
export const POINTS = 1000;

/** The address of the first request; app/compare/first.py has the page ask for it before this module is there. */
export function firstUrl(runs, axis = "step") {
  return address([...runs].sort((a, b) => a - b), [["first", FIRST_TAGS], ["points", POINTS], ...(axis === "step" ? [] : [["x", axis]])]);
}

/** The address of series. @param {number[]} runs @param {[string, any][]} pairs of the query */
export function address(runs, pairs) {
  return `/api/v1/metrics?${new URLSearchParams([["format", "columns"], ...pairs, ...runs.map((run) => ["run", run])])}`;
}

/**
 * Fetch series; see `decode` for what comes back.
 * @throws {Error} with `status` and `retryAfter` (seconds) where the server refuses
 */
export async function fetchSeries(url, signal) {
  const response = await fetch(url, { signal });
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    const error = new Error(body.detail ?? `The curves cannot be read (${response.status}).`);
    error.status = response.status;
    error.retryAfter = Number(response.headers.get("Retry-After")) || 0;
    throw error;
  }
  return decode(await response.arrayBuffer());
}
