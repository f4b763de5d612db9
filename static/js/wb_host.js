// <danlu-workbench experiment="slug"> or <danlu-workbench runs="1,2,3">: the run table and, beside or below it, the
// panes. What the server has put inside stays until the rows are there.
import { Panes } from "./wb_panes.js";
import { State } from "./wb_state.js";

class Workbench extends HTMLElement {
  /** See wb_state.js; there as soon as the element is. */
  state;

  connectedCallback() {
    const runs = this.getAttribute("runs");
    this.state = new State({
      experiment: this.getAttribute("experiment") ?? undefined,
      runs: runs === null ? undefined : runs.split(",").map(Number).filter((id) => id > 0),
    });
    this.state.rows.load();
    const lay = () => (this.dataset.lay = this.state.get("lay"));
    lay();
    this.state.on("lay", lay);
    this.panes = new Panes(this.querySelector(".wb-panes"), this.state);
  }

  disconnectedCallback() {
    this.panes.stop();
    this.state.stop();
  }
}

customElements.define("danlu-workbench", Workbench);
