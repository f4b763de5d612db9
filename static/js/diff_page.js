// <danlu-diff a="1" b="2">: the comparison of two runs as a page of its own.
import "./chart.js";
import { Difference } from "./wb_diff_view.js";

class DiffPage extends HTMLElement {
  connectedCallback() {
    this.view = new Difference(this, {
      colour: (id) => ({ colour: Number(this.dataset[`colour-${id}`] ?? id % 10), dash: 0 }),
      masked: () => new URLSearchParams(location.search).get("raw") !== "1",
      mask: (on) => this.#mask(on),
    });
    this.view.open(Number(this.getAttribute("a")), Number(this.getAttribute("b")));
  }

  disconnectedCallback() {
    this.view.stop();
  }

  #mask(on) {
    const query = new URLSearchParams(location.search);
    if (on) query.delete("raw");
    else query.set("raw", "1");
    history.replaceState(history.state, "", `${location.pathname}?${query}`);
    this.view.log();
  }
}

customElements.define("danlu-diff", DiffPage);
