// Asks for the rows of a workbench while the page and its modules are still being read; wb_rows.js takes the answer.
{
  const archived = new URLSearchParams(location.search).get("arch") === "1" ? "&archived=true" : "";
  const url = `/api/v1/table?${document.currentScript.dataset.source}${archived}`;
  globalThis.danluFirstRows = { url, response: fetch(url, { headers: { Accept: "application/json" } }).catch(() => null) };
}
