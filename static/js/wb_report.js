// The report pane of a workbench: the experiment's reports, and what is shown added to one of them.
import { make } from "./dom.js";
import { ask, toast } from "./toast.js";

const API = "/api/v1/reports";

/** Fill the pane; see wb_panes.js. */
export async function mount(host, state) {
  const { experiment } = state.scope;
  const may = Boolean(document.querySelector("danlu-views[may]"));
  const show = async () => {
    const found = await ask("GET", experiment ? `${API}?experiment=${encodeURIComponent(experiment)}` : API);
    if (found) host.replaceChildren(...content(found.items));
  };

  function content(reports) {
    const list = make("ul", { class: "views-list" }, ...reports.map((report) => make("li", {}, make("a", { href: report.links.page }, make("bdi", {}, report.title)), ...(may ? [adding(report)] : []))));
    const empty = make("p", { class: "muted" }, "No report yet. A report is a text with live charts; it can be exported as one HTML file or as PDF.");
    return [make("section", { class: "card card-body stack report-pane", "aria-label": "Reports" }, ...(may ? [beginning()] : []), reports.length ? list : empty)];
  }

  const block = () => `\n\`\`\`danlu-view\nquery: ${state.query().replace(/(^|&)(view|pane)=[^&]*/g, "").replace(/^&/, "")}\n\`\`\`\n`;

  function adding(report) {
    return make("button", { class: "btn small", type: "button", "aria-label": `Add these charts to ${report.title}`, onclick: () => add(report.links.self) }, "Add these charts");
  }

  async function add(path) {
    const now = await ask("GET", path);
    if (!now) return;
    const done = await ask("PATCH", path, { body: `${now.body}${now.body && !now.body.endsWith("\n") ? "\n" : ""}${block()}`, updated_at: now.updated_at });
    if (done) toast(`The charts stand at the end of “${done.title}”.`);
  }

  function beginning() {
    const title = make("input", { required: true, maxLength: 200, placeholder: "Title of a new report", "aria-label": "Title of a new report", autocomplete: "off" });
    return make("form", { class: "views-save", onsubmit: async (event) => {
      event.preventDefault();
      const made = await ask("POST", API, { title: title.value.trim(), body: block().trimStart(), experiment: experiment ?? null });
      if (made) location.assign(`${made.links.page}/edit`);
    } }, title, make("button", { class: "btn primary", type: "submit" }, "New report with these charts"));
  }

  await show();
  return { show };
}
