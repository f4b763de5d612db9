// Values of rows that the server does not know of yet: shown whatever it says meanwhile, and taken back without a trace.

export class Pretended {
  #by = new Map(); // run → {values, before}

  /** Show these values of a run, if its row is there; null: what it really has. */
  set(id, row, values) {
    const before = this.#by.get(id)?.before;
    if (row && before) Object.assign(row, before);
    this.#by.delete(id);
    if (row && values) this.#lay(row, values);
  }

  /** The row, as it came from the server, with what is pretended of it. */
  over(row) {
    const pretended = this.#by.get(row.id);
    if (pretended) this.#lay(row, pretended.values);
    return row;
  }

  #lay(row, values) {
    this.#by.set(row.id, { values, before: Object.fromEntries(Object.keys(values).map((key) => [key, row[key]])) });
    Object.assign(row, values);
  }
}
