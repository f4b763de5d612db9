// What GET /api/v1/table answers, as rows. Pure.

class Row {
  /** Seconds from the start to the end, or to now; null before the start. */
  get duration_s() {
    if (this.started_at === null) return null;
    return Math.max(0, (this.finished_at ?? Date.now() / 1000) - this.started_at);
  }
}

/** The rows of an answer. */
export function rowsOf(answer) {
  const names = Object.keys(answer.columns);
  const columns = Object.values(answer.columns);
  const count = columns[0]?.length ?? 0;
  const rows = Array.from({ length: count }, (_, at) => {
    const row = new Row();
    for (let column = 0; column < names.length; column++) row[names[column]] = columns[column][at];
    row.stopping = Boolean(row.stopping);
    row.archived = Boolean(row.archived);
    row.metrics = Object.create(null); // a tag may be called "__proto__"
    row.group = null;
    return row;
  });
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const [tag, { run, last, min, max, step, nonfinite }] of Object.entries(answer.metrics)) {
    for (let at = 0; at < run.length; at++) {
      const summary = { last: last[at], min: min[at], max: max[at], step: step[at] };
      if (nonfinite?.[at]) summary.nonfinite = nonfinite[at];
      const row = byId.get(run[at]);
      if (row) row.metrics[tag] = summary;
    }
  }
  return rows;
}

/** Do two rows say the same? */
export function alike(row, other) {
  return other !== undefined && JSON.stringify(row) === JSON.stringify(other);
}
