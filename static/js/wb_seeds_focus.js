// Redrawing without taking the keyboard's focus away.

/** Call `redraw`, and give the focus back to what has the same data-key inside of `host`. */
export function kept(host, redraw) {
  const key = host.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  redraw();
  if (key) host.querySelector(`:is(input, button, summary)[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}
