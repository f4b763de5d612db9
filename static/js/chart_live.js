// What the live stream tells of the runs that are drawn.
import { hurried, hurry } from "./chart_frames.js";

const DRAW_MS = 200; // between two drawings of what came

/** Takes points and ends of runs as they are told. `board` is the island. */
export class Live {
  #timer = 0;

  constructor(board, signal) {
    this.board = board;
    document.body.addEventListener("danlu:metrics", ({ detail }) => this.#heard(detail), { signal });
    document.body.addEventListener("danlu:run", ({ detail }) => this.#ran(detail), { signal });
    document.body.addEventListener("danlu:gone", ({ detail }) => board.forget([detail.run]), { signal });
    signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  #heard({ run, tags, gone }) {
    const { board } = this;
    const { store, sections } = board;
    if (!store.runs.includes(run)) return;
    if (gone) {
      store.forget(run, gone);
      sections.arrange(store.names());
      for (const card of board.cards.inSight()) if (gone.includes(card.tag)) card.touch();
    }
    const touched = new Set(store.hear(run, tags));
    if (!touched.size) return;
    board.runs.heard();
    if (store.names().length !== sections.counts.all) board.arrived([...touched]);
    for (const card of board.cards.inSight()) if (touched.has(card.tag)) card.touch();
    board.message.clear();
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      if (!hurried()) hurry();
      board.cards.drawSoon();
    }, DRAW_MS);
    board.feed.stir();
  }

  #ran(run) {
    const { board } = this;
    const { store } = board;
    if (!store.runs.includes(run.id)) return;
    const ended = board.runs.told(run);
    board.legendView.refresh();
    if (store.runs.length === 1) board.toggleAttribute("ended", board.runs.ended);
    if (!ended) return;
    if (store.names().length) board.feed.stir();
    else board.feed.list();
  }
}
