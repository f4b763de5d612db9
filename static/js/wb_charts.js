// The charts of a workbench: the curves of the runs that are drawn.
const SETTLE_MS = 250;

/** Fill the pane; see wb_panes.js. */
export async function mount(host, state) {
  await state.rows.ready();
  let shown = "";
  let timer = 0;
  const draw = () => {
    const ids = state.drawn();
    if (ids.join() === shown) return;
    shown = ids.join();
    const curves = document.createElement("danlu-curves");
    curves.setAttribute("run", shown);
    curves.setAttribute("labels", JSON.stringify(Object.fromEntries(ids.map((id) => [id, `${state.rows.get(id)?.name ?? "Run"} #${id}`]))));
    host.replaceChildren(curves);
  };
  const drawSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(draw, SETTLE_MS);
  };
  draw();
  const offs = [state.on(["sel", "hide"], drawSoon), state.rows.on(({ what }) => what !== "rows" && drawSoon())];
  return { stop: () => offs.forEach((off) => off()) };
}
