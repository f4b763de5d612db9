// <button data-dialog="id"> opens a <dialog id>; <button data-dialog-close> inside closes it, and so does a click
// on the backdrop. Escape and the return of the focus come from the browser.
export function installDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      document.getElementById(opener.dataset.dialog)?.showModal();
      return;
    }
    if (event.target.closest("[data-dialog-close]") || event.target.matches("dialog")) {
      event.target.closest("dialog")?.close();
    }
  });
}
