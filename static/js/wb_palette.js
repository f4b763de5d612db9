// The command palette: everything that can be done here, and every run by its name, found by a few letters.
import { make } from "./dom.js";
import { column } from "./wb_columns.js";
import { inventory } from "./wb_model.js";

const MAX_SHOWN = 60;

/** Open the palette for a run table. */
export function openPalette(table) {
  const all = commands(table);
  const input = make("input", { type: "text", class: "wt-q", role: "combobox", "aria-expanded": "true", "aria-controls": "wt-palette-list", "aria-label": "Find a command or a run", placeholder: "Find a command or a run", autocomplete: "off", spellcheck: false, oninput: () => show() });
  const list = make("ul", { class: "wt-list", role: "listbox", id: "wt-palette-list", "aria-label": "Commands", onclick: (event) => run(event.target.closest("[role=option]")) });
  const dialog = make("dialog", { class: "wt-palette", "aria-label": "Commands", onclose: () => dialog.remove(), onclick: (event) => event.target === dialog && dialog.close() }, input, list);
  let shown = [];
  let at = 0;
  const show = () => {
    shown = found(all, input.value, table).slice(0, MAX_SHOWN);
    at = 0;
    list.replaceChildren(...shown.map(({ words, about }, place) => make("li", { role: "option", id: `wt-command-${place}`, "data-place": place }, make("span", {}, words), make("span", { class: "muted small" }, about ?? ""))));
    mark();
  };
  const mark = () => {
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    list.children[at]?.scrollIntoView({ block: "nearest" });
    if (shown.length) input.setAttribute("aria-activedescendant", `wt-command-${at}`);
    else input.removeAttribute("aria-activedescendant");
  };
  const run = (item) => {
    const command = item && shown[Number(item.dataset.place)];
    if (!command) return;
    dialog.close();
    command.go();
  };
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && shown.length) {
      at = (at + step + shown.length) % shown.length;
      mark();
    } else if (event.key === "Enter") run(list.children[at]);
    else return;
    event.preventDefault();
  });
  document.body.append(dialog);
  show();
  dialog.showModal();
  input.focus();
}

function commands(table) {
  const { state, bulk, may } = table;
  const go = (words, href, about) => ({ words, about, go: () => location.assign(href) });
  const { params } = inventory(table.rows.all.values());
  const chosen = bulk.runs;
  const current = chosen.length ? chosen : table.current ? [table.current] : [];
  const named = current.length > 1 ? `${current.length} runs` : current.length ? `${current[0].name} #${current[0].id}` : "";
  const list = [];
  if (chosen.length > 1) list.push(go(`Compare ${named}`, bulk.compareUrl()));
  if (current.length && may) {
    list.push({ words: `Stop ${named}`, about: ".", go: () => bulk.cancelRuns(current) }, { words: `Tag ${named}`, about: "e", go: () => bulk.askTag(table.header.all, current) });
    if (current.length === 1) list.push({ words: `Colour of ${named}`, go: () => bulk.pickColour(current[0].id, table.header.all) });
    if (chosen.length) list.push({ words: `Archive ${named}`, go: () => bulk.archiveTicked() }, { words: `Delete ${named}`, go: () => bulk.deleteTicked() });
  }
  if (current.length === 1) list.push({ words: `Make ${named} the baseline`, about: "b", go: () => state.set({ base: current[0].id }) });
  list.push(
    { words: "Filter runs", about: "/", go: () => table.filter.input.focus() },
    { words: "Select all runs", about: "Ctrl+A", go: () => table.tick([...table.rows.ids]) },
    { words: "Clear the selection", go: () => table.tick([]) },
    { words: state.get("diff") ? "Show all columns" : "Only columns that differ", go: () => state.set({ diff: !state.get("diff") }) },
    { words: state.get("arch") ? "Hide archived runs" : "Show archived runs", go: () => state.set({ arch: !state.get("arch") }) },
    ...[...table.closest("danlu-workbench").querySelectorAll(".wb-panes [role=tab]")].map((tab) => ({ words: `Show ${tab.textContent}`, about: "pane", go: () => tab.click() })),
    ...table.columns.map((one) => ({ words: `Sort by ${one.title}`, about: one.of ? one.of.slice(0, -1) : "", go: () => table.header.sort(one.name, false) })),
    ...[...params.keys()].map((key) => ({ words: `Group by ${column(`params.${key}`).title}`, about: "param", go: () => state.set({ group: `params.${key}` }, { push: true }) })),
    { words: "No groups", go: () => state.set({ group: "" }) },
    go("New run", table.getAttribute("new"), "n"),
    go("Experiments", "/"),
    go("Workers", "/workers"),
    go("Settings", "/settings"),
    { words: "Keyboard shortcuts", about: "?", go: () => table.shortcuts.help() });
  return list;
}

/** Commands and runs that have all the words, those that begin with them first. */
function found(all, typed, table) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => text.toLowerCase().includes(word));
  const hits = all.filter(({ words: text }) => has(text));
  if (words.length) hits.sort((a, b) => b.words.toLowerCase().startsWith(words[0]) - a.words.toLowerCase().startsWith(words[0]));
  if (!words.length) return hits;
  const runs = [];
  for (const row of table.rows.all.values()) {
    if (runs.length === 30) break;
    if (has(`${row.name} #${row.id}`)) runs.push({ words: `${row.name} #${row.id}`, about: "run", go: () => location.assign(`/runs/${row.id}`) });
  }
  return [...hits, ...runs];
}
