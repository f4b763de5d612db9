// System, light, dark: kept in a cookie, so that the server renders the page in it without a flash, and in
// localStorage, so that the other tabs follow.
const KEY = "danlu_theme";
const ORDER = ["system", "light", "dark"];
const root = document.documentElement;

/** The chosen theme: "system", "light" or "dark". */
export function currentTheme() {
  return root.dataset.theme ?? "system";
}

function show(theme) {
  if (theme === "system") delete root.dataset.theme;
  else root.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-switch]")) {
    const label = `Colour theme: ${theme}`;
    button.setAttribute("aria-label", label);
    button.title = label;
  }
  // charts draw on a canvas and have to be told
  document.body.dispatchEvent(new CustomEvent("danlu:theme", { detail: { theme } }));
}

function choose(theme) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  const age = theme === "system" ? 0 : 31536000;
  document.cookie = `${KEY}=${theme}; Path=/; Max-Age=${age}; SameSite=Lax${secure}`;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // storage may be switched off; the cookie alone is enough for this tab
  }
  show(theme);
}

export function installTheme() {
  show(currentTheme());
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-switch]")) return;
    choose(ORDER[(ORDER.indexOf(currentTheme()) + 1) % ORDER.length]);
  });
  window.addEventListener("storage", (event) => {
    if (event.key === KEY && ORDER.includes(event.newValue)) show(event.newValue);
  });
}
