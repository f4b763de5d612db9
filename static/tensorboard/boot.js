// Runs in TensorBoard's own page, before it: its charts renew themselves, and its colours are the dashboard's.
(() => {
  const SETTINGS = "_tb_global_settings";
  const address = new URL(location.href);
  let theme = null;
  try {
    // Once: afterwards it is the user's choice.
    if (localStorage.getItem(SETTINGS) === null) {
      localStorage.setItem(SETTINGS, JSON.stringify({ autoReload: true, autoReloadPeriodInMs: 30000 }));
    }
    theme = localStorage.getItem("danlu_theme");
  } catch {
    // No storage: TensorBoard shows what it shows by itself.
  }
  if (!address.searchParams.has("darkMode") && (theme === "dark" || theme === "light")) {
    address.searchParams.set("darkMode", String(theme === "dark"));
    history.replaceState(history.state, "", address);
  }
})();
