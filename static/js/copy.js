// <button data-copy="#id">: copies the text of that element, and says so in the button for a moment.
const SHOWN_MS = 1600;

/** Put text on the clipboard; throws where the browser refuses. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // plain http on another machine: the old way still works there
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser refused to copy");
}

export function installCopy() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    const words = button.querySelector("[data-copy-label]") ?? button;
    button.dataset.label ??= words.textContent;
    try {
      await copyText((source.value ?? source.textContent).trim());
      words.textContent = "Copied";
    } catch {
      // leave the text selected, so that one key press does it
      getSelection().selectAllChildren(source);
      words.textContent = "Press Ctrl+C";
    }
    setTimeout(() => {
      words.textContent = button.dataset.label;
    }, SHOWN_MS);
  });
}
