// Short messages in the corner. The server sends one with the header `HX-Trigger: {"danlu:toast": {...}}`;
// a request that fails says so here too, so that no click is ever without an answer.
const STAY_MS = 7000;

/** Show a message; `kind` is "info" or "error". Errors stay until they are closed. */
export function toast(text, kind = "info") {
  const region = document.getElementById("toasts");
  const box = document.createElement("div");
  box.className = "toast";
  box.dataset.kind = kind;
  const words = document.createElement("p");
  words.textContent = text;
  const close = document.createElement("button");
  close.className = "btn ghost small icon";
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Dismiss");
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  region.append(box);
  if (kind !== "error") setTimeout(() => box.remove(), STAY_MS);
  return box;
}

async function sentence(response) {
  const fallback = `The server answered ${response.status}.`;
  if (!response.headers.get("content-type")?.includes("json")) return fallback;
  try {
    const body = await response.json();
    return body.detail ?? fallback;
  } catch {
    return fallback;
  }
}

/** Send a request to our REST API; gives the parsed body, or shows why it was refused and gives null. */
export async function ask(method, url) {
  try {
    const response = await fetch(url, { method, headers: { Accept: "application/json" } });
    if (response.ok) return response.status === 204 ? {} : await response.json();
    toast(await sentence(response), "error");
  } catch {
    toast("The server does not answer. Is it still running?", "error");
  }
  return null;
}

export function installToasts() {
  document.body.addEventListener("danlu:toast", (event) => {
    toast(event.detail.text ?? event.detail.value ?? "", event.detail.kind);
  });
  document.body.addEventListener("htmx:error", (event) => {
    const source = event.detail?.ctx?.sourceElement;
    // a background refresh that fails is shown by the dot of the live stream, not by a toast each second
    if (source?.closest("form, button")) toast("That did not work: the server does not answer.", "error");
  });
  document.body.addEventListener("htmx:response:error", (event) => {
    const { ctx } = event.detail;
    const status = ctx.response.status;
    if (!ctx.sourceElement?.closest("form, button") || status === 422) return;
    const trigger = ctx.response.headers.get("hx-trigger") ?? "";
    if (!trigger.includes("danlu:toast")) toast(`The server answered ${status}.`, "error");
  });
}
