// <form data-cancel="#run-12">: the run's chip there says "stopping" at once. The answer of the server, or the next live
// update, says what is; a refusal puts back what was, and a toast says why.
export function installCancel() {
  const before = new WeakMap();
  document.body.addEventListener("htmx:before:request", (event) => {
    const form = event.target.closest?.("form[data-cancel]");
    const chip = form && document.querySelector(`${form.dataset.cancel} .chip`);
    if (!chip) return;
    before.set(form, [chip, chip.dataset.state]);
    show(chip, "stopping");
  });
  const back = (event) => {
    const form = event.detail?.ctx?.sourceElement?.closest("form[data-cancel]");
    const [chip, state] = before.get(form) ?? [];
    if (chip && !(event.detail.ctx.response?.status < 400)) show(chip, state);
  };
  document.body.addEventListener("htmx:after:request", back);
  document.body.addEventListener("htmx:error", back);
}

function show(chip, state) {
  chip.dataset.state = state;
  chip.textContent = state;
}
