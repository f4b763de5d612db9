// <danlu-report-chart data-rows data-query data-tags data-height>: the live charts of one block of a report.
import "./chart.js";
import { FixedState } from "./report_state.js";

const CHROME = 40; // px of a card around its plot

class ReportChart extends HTMLElement {
  connectedCallback() {
    if (this.curves) return;
    const rows = JSON.parse(this.dataset.rows);
    const more = this.dataset.tags ? { f: this.dataset.tags } : {};
    const state = new FixedState(this.dataset.query, rows, more);
    const curves = document.createElement("danlu-curves");
    curves.bench = state;
    curves.cardHeight = Number(this.dataset.height) + CHROME;
    curves.first = state.drawn();
    curves.setAttribute("run", curves.first.join());
    curves.setAttribute("labels", JSON.stringify(Object.fromEntries(rows.map((row) => [row.id, `${row.name} #${row.id}`]))));
    this.curves = curves;
    this.append(curves);
  }
}

customElements.define("danlu-report-chart", ReportChart);
