// Forms: the first wrong field gets the focus after a refused submission, and a form that was changed is not lost
// by a closed tab. Submit buttons are off while their request runs, so that a double click is one run.
function focusFirstError(scope) {
  const wrong = scope.querySelector?.('[aria-invalid="true"]');
  if (!wrong) return;
  wrong.focus();
  wrong.scrollIntoView({ block: "center" });
}

export function installForms() {
  document.body.addEventListener("htmx:after:swap", (event) => {
    const { ctx } = event.detail;
    if (ctx?.response?.status === 422) focusFirstError(document.querySelector("form[data-guard]") ?? document);
  });
  focusFirstError(document);
  // an address with a fragment takes the focus away again
  window.addEventListener("load", () => focusFirstError(document));

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-guard]");
    if (form) form.dataset.changed = "1";
  });
  document.addEventListener("submit", (event) => delete event.target.dataset.changed);
  window.addEventListener("beforeunload", (event) => {
    if (document.querySelector("form[data-guard][data-changed]")) event.preventDefault();
  });

  // <input data-roll>: a button that draws a new seed
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-roll]");
    if (!button) return;
    const input = document.querySelector(button.dataset.roll);
    input.value = crypto.getRandomValues(new Uint32Array(1))[0];
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
