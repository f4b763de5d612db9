// A live update may take away what has the focus: the Cancel button of a run that has ended. Then the focus goes to
// the nearest thing around it that is still there, and not to the top of the page.
import { afterPaint } from "./dom.js";

const FOCUSABLE = "a[href], button:not(:disabled), input:not(:disabled, [type=hidden]), select:not(:disabled), [tabindex='0']";
let around = [];

function lost() {
  return !document.activeElement || document.activeElement === document.body;
}

export function installFocus() {
  document.body.addEventListener("htmx:before:swap", () => {
    if (lost()) return;
    around = [];
    for (let at = document.activeElement; at && at.id !== "main"; at = at.parentElement) if (at.id) around.push(at.id);
  });
  document.body.addEventListener("htmx:after:swap", () => {
    const ids = around;
    // a button that was only disabled loses its focus with the next paint
    afterPaint(() => {
      if (!lost()) return;
      for (const id of ids) {
        const next = document.getElementById(id)?.querySelector(FOCUSABLE);
        if (next) return next.focus({ preventScroll: true });
      }
    });
  });
}
