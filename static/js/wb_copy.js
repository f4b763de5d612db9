// The table as text: JSON, CSV, Markdown. Pure, but for the clipboard.
import { textOf } from "./wb_cells.js";

/**
 * Runs as text.
 * @param {"json"|"csv"|"markdown"} format
 * @param {object[]} rows
 * @param {object[]} columns
 */
export function asText(format, rows, columns) {
  if (format === "json") {
    const plain = rows.map((row) => ({ id: row.id, name: row.name, ...Object.fromEntries(columns.map((one) => [one.name, one.value(row) ?? null])) }));
    return JSON.stringify(plain, null, 1);
  }
  const head = ["id", "name", ...columns.map((one) => one.name)];
  // full precision in CSV, as the page shows it in Markdown
  const value = (one, row) => (format === "csv" && typeof one.value(row) === "number" && one.kind !== "time" ? String(one.value(row)) : textOf(one, row));
  const lines = rows.map((row) => [String(row.id), row.name, ...columns.map((one) => value(one, row))]);
  if (format === "csv") return [head, ...lines].map((line) => line.map(csv).join(",")).join("\r\n");
  const cell = (text) => text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replace(/\s+/g, " ");
  return [head, head.map(() => "---"), ...lines].map((line) => `| ${line.map(cell).join(" | ")} |`).join("\n");
}

function csv(text) {
  // a cell that begins so would be a formula in a spreadsheet
  const safe = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Put a text on the clipboard; says whether that worked. */
export async function toClipboard(text) {
  try {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // not allowed: the old way may be
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
