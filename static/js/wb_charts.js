// The charts of a workbench: the curves of the runs that are drawn.
import "./chart.js";

const SETTLE_MS = 120;

/** Fill the pane; see wb_panes.js. */
export async function mount(host, state) {
  await state.rows.ready();
  const curves = document.createElement("danlu-curves");
  let shown = state.drawn();
  curves.bench = state;
  curves.first = shown;
  host.replaceChildren(curves);
  let timer = 0;
  const draw = () => {
    timer = 0;
    if (host.hidden) return; // show() comes back to it
    curves.forget(shown.filter((id) => !state.rows.get(id)));
    const ids = state.drawn();
    if (ids.join() !== shown.join()) curves.show(ids);
    else curves.renamed();
    shown = ids;
  };
  const soon = () => (timer ||= setTimeout(draw, SETTLE_MS)); // ticking a row must not wait for the charts
  const offs = [state.on(["sel", "hide", "group"], soon), state.rows.on(({ what }) => what !== "fresh" && soon())];
  return {
    show: () => {
      draw();
      curves.rest(false);
    },
    hide: () => curves.rest(true),
    stop: () => {
      clearTimeout(timer);
      offs.forEach((off) => off());
    },
  };
}
