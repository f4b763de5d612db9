// Short messages in the corner. The server renders them (a refused htmx request, a message left for the next page);
// what happens in the browser alone is said here, so that no click is ever without an answer.
const STAY_MS = 7000;
const SILENT_MS = 30000;
let lastNetworkError = -Infinity;

/**
 * Show a message; `kind` is "info" or "error". Errors stay until they are closed.
 * @param {string} text
 * @param {"info"|"error"} [kind]
 * @param {{stay?: number, words?: string, action?: () => void}} [more] stay: milliseconds; words and action: of a button in it
 */
export function toast(text, kind = "info", { stay, words: label, action } = {}) {
  const box = document.createElement("div");
  box.className = "toast";
  box.dataset.kind = kind;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.className = "btn ghost small icon";
  close.type = "button";
  close.dataset.dismiss = "";
  close.textContent = "×";
  close.setAttribute("aria-label", "Dismiss");
  if (stay) box.dataset.stay = stay;
  box.append(words, close);
  if (action) {
    const button = document.createElement("button");
    button.className = "btn small";
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => {
      box.remove();
      action();
    });
    words.after(button);
  }
  document.getElementById("toasts").append(box);
  return box;
}

async function sentence(response) {
  const fallback = `The server answered ${response.status}.`;
  if (!response.headers.get("content-type")?.includes("json")) return fallback;
  try {
    return (await response.json()).detail ?? fallback;
  } catch {
    return fallback;
  }
}

/**
 * Send a request to our REST API; gives the parsed body, or shows why it was refused and gives null.
 * @param {string} method
 * @param {string} url
 * @param {object} [body] sent as JSON
 */
export async function ask(method, url, body) {
  const headers = { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) };
  try {
    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    if (response.ok) return response.status === 204 ? {} : await response.json();
    toast(await sentence(response), "error");
  } catch {
    toast("The server does not answer. Is it still running?", "error");
  }
  return null;
}

/** Did a person start this request, or does the page only refresh itself? */
function byHand(event) {
  return Boolean(event.detail?.ctx?.sourceElement?.closest("form, button, a"));
}

export function installToasts() {
  document.addEventListener("click", (event) => event.target.closest("[data-dismiss]")?.closest(".toast")?.remove());
  new MutationObserver((records) => {
    for (const node of records.flatMap((record) => [...record.addedNodes])) {
      if (node.dataset?.kind && node.dataset.kind !== "error") setTimeout(() => node.remove(), Number(node.dataset.stay) || STAY_MS);
    }
  }).observe(document.getElementById("toasts"), { childList: true });

  document.body.addEventListener("htmx:before:swap", (event) => {
    // a part that refreshes itself and is refused keeps what it shows; the dot of the live stream tells the rest
    if (event.detail?.ctx?.response?.status >= 400 && !byHand(event)) event.preventDefault();
  });
  document.body.addEventListener("htmx:error", (event) => {
    if (!byHand(event) || event.detail?.ctx?.response || performance.now() - lastNetworkError < SILENT_MS) return;
    lastNetworkError = performance.now();
    toast("That did not work: the server does not answer.", "error");
  });
}
