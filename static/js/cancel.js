// <form data-cancel="#run-12">: the run's chip there says "stopping" at once, also when a live update that does not know
// of the request yet comes in between. The answer of the server says what is; a refusal puts back what was, and a toast
// says why.
export function installCancel() {
  const before = new Map();
  document.body.addEventListener("htmx:before:request", (event) => {
    const form = event.target.closest?.("form[data-cancel]");
    const chip = form && chipOf(form.dataset.cancel);
    if (!chip) return;
    before.set(form.dataset.cancel, chip.dataset.state);
    show(chip, "stopping");
  });
  document.body.addEventListener("htmx:after:swap", () => {
    for (const [place, state] of before) {
      const chip = chipOf(place);
      if (chip?.dataset.state === state) show(chip, "stopping");
    }
  });
  const back = (event) => {
    const place = event.detail?.ctx?.sourceElement?.closest("form[data-cancel]")?.dataset.cancel;
    const state = before.get(place);
    if (state === undefined) return;
    before.delete(place);
    const chip = chipOf(place);
    if (chip && !(event.detail.ctx.response?.status < 400)) show(chip, state);
  };
  document.body.addEventListener("htmx:after:request", back);
  document.body.addEventListener("htmx:error", back);
}

function chipOf(place) {
  return document.querySelector(`${place} .chip`);
}

function show(chip, state) {
  chip.dataset.state = state;
  chip.textContent = state;
}
