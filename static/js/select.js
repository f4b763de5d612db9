// Ticks in tables: <table data-select="#bar">. Shift-click takes a range, the tick in the head takes all, the bar
// shows how many, gets them as query of its [data-compare] link, and unticks all with [data-untick].
let last = null;

function boxes(table) {
  return [...table.querySelectorAll('tbody input[type="checkbox"]')];
}

function show(table) {
  const bar = document.querySelector(table.dataset.select);
  const all = boxes(table);
  const ticked = all.filter((box) => box.checked);
  const head = table.querySelector("thead [data-tick-all]");
  if (head) {
    head.checked = all.length > 0 && ticked.length === all.length;
    head.indeterminate = ticked.length > 0 && ticked.length < all.length;
  }
  if (!bar) return;
  bar.hidden = ticked.length === 0;
  bar.querySelector("[data-ticked]").textContent = `${ticked.length} selected`;
  const link = bar.querySelector("[data-compare]");
  link.href = `/compare?${ticked.map((box) => `run=${box.value}`).join("&")}`;
}

function range(table, from, to, checked) {
  const all = boxes(table);
  const [low, high] = [all.indexOf(from), all.indexOf(to)].sort((a, b) => a - b);
  if (low < 0) return;
  for (const box of all.slice(low, high + 1)) box.checked = checked;
}

export function installSelection() {
  document.addEventListener("click", (event) => {
    const table = event.target.closest("table[data-select]");
    if (!table || !event.target.matches('input[type="checkbox"]')) return;
    if (event.target.matches("[data-tick-all]")) {
      for (const box of boxes(table)) box.checked = event.target.checked;
    } else {
      if (event.shiftKey && last?.isConnected) range(table, last, event.target, event.target.checked);
      last = event.target;
    }
    show(table);
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-untick]")) return;
    for (const table of document.querySelectorAll("table[data-select]")) {
      for (const box of boxes(table)) box.checked = false;
      show(table);
      table.querySelector("[data-tick-all]")?.focus(); // the button is gone, and the focus with it
    }
  });
  document.body.addEventListener("htmx:after:swap", () => {
    // a table that is gone has nothing selected
    for (const bar of document.querySelectorAll(".selection")) bar.hidden = true;
    for (const table of document.querySelectorAll("table[data-select]")) show(table);
  });
}
