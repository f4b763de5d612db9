// Graphs of runs as trees of their scopes: how many nodes, which operations. The drawing of a graph is TensorBoard's.
import { make } from "./dom.js";

const MOST_CHILDREN = 400;

export class GraphView {
  constructor(board) {
    this.board = board;
    this.element = make("div", { class: "by-images by-texts" });
    this.cells = new Map();
  }

  draw(runs) {
    const made = runs.map((run) => this.#cell(run));
    const shape = runs.map(({ run }) => run).join();
    if (shape === this.shape) return;
    this.shape = shape;
    this.element.replaceChildren(...made.map((cell) => cell.element));
  }

  #cell({ run, items }) {
    const item = this.board.nearest(items);
    const shown = `${item.keys[0]} ${item.wall}`;
    const known = this.cells.get(run);
    if (known?.shown === shown) return known;
    const row = this.board.state.rows.get(run);
    const body = make("div", { class: "by-text", tabIndex: 0, role: "region", "aria-label": `Graph of run ${run}` }, make("p", { class: "muted" }, "Reading the graph…"));
    const link = make("a", { class: "btn small", href: `/experiments/${encodeURIComponent(row?.experiment ?? "")}/tensorboard/#graphs`, target: "_blank", rel: "noopener" }, "Drawn by TensorBoard");
    const cell = known ?? {};
    const element = make("figure", { class: "card by-cell", "data-run": run }, make("div", { class: "spread" }, this.board.headOf(run, null), link), body);
    known?.element.replaceWith(element);
    Object.assign(cell, { shown, element });
    this.cells.set(run, cell);
    this.#read(run, item, body);
    return cell;
  }

  async #read(run, item, body) {
    try {
      const response = await fetch(`/api/v1/media/graph?${new URLSearchParams({ run, key: item.keys[0] })}`, { headers: { Accept: "application/json" } });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail);
      const root = treeOf(answer.nodes);
      const more = answer.total > answer.nodes.length ? `, the first ${answer.nodes.length.toLocaleString("en-US")} are listed` : "";
      body.replaceChildren(make("p", { class: "muted small" }, `${answer.total.toLocaleString("en-US")} nodes${more}`), ...branches(root));
    } catch (error) {
      body.replaceChildren(make("p", { class: "muted" }, `The graph cannot be shown: ${error.message}`));
    }
  }
}

function treeOf(nodes) {
  const root = { children: new Map(), count: 0 };
  for (const [name, op, inputs] of nodes) {
    let here = root;
    for (const part of name.split("/")) {
      if (!here.children.has(part)) here.children.set(part, { children: new Map(), count: 0 });
      here = here.children.get(part);
      here.count += 1;
    }
    Object.assign(here, { op, inputs });
  }
  return root;
}

/** The branches of a scope; those below them are made when they are opened. */
function branches(scope) {
  const all = [...scope.children];
  const found = all.slice(0, MOST_CHILDREN).map(([name, node]) => {
    const words = [make("bdi", { class: "mono" }, name), ...(node.op ? [" ", make("span", { class: "tag" }, node.op)] : [])];
    if (!node.children.size) return make("div", { class: "by-leaf", title: node.inputs?.length ? `from ${node.inputs.join(", ")}` : "" }, ...words);
    const inside = make("div", { class: "by-branch" });
    const branch = make("details", {}, make("summary", {}, ...words, make("span", { class: "muted small" }, ` ${node.count} node${node.count === 1 ? "" : "s"}`)), inside);
    branch.addEventListener("toggle", () => !inside.firstChild && inside.append(...branches(node)));
    return branch;
  });
  if (all.length > MOST_CHILDREN) found.push(make("p", { class: "muted small" }, `${all.length - MOST_CHILDREN} more`));
  return found;
}
