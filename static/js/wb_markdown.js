// Markdown as elements that can do nothing: headings, lists, tables, code, emphasis. What looks like HTML stays text, a
// link is shown with its address and leads nowhere, an image is its description.
import { make } from "./dom.js";

const INLINE = /(`+)([\s\S]+?)\1|\*\*([\s\S]+?)\*\*|__([\s\S]+?)__|\*([^\s*][\s\S]*?)\*|!?\[([^\]]*)\]\(([^)\s]*)[^)]*\)/;
const MOST_DEPTH = 6;

/** Elements of a text. @returns {HTMLElement[]} */
export function markdown(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const found = [];
  let at = 0;
  while (at < lines.length) {
    const [element, next] = block(lines, at);
    if (element) found.push(element);
    at = next;
  }
  return found;
}

function block(lines, at) {
  const line = lines[at];
  if (!line.trim()) return [null, at + 1];
  const fence = /^\s*(```|~~~)/.exec(line);
  if (fence) return code(lines, at, fence[1]);
  const heading = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (heading) return [make("p", { class: "by-heading", role: "heading", "aria-level": String(Math.min(6, heading[1].length + 2)) }, ...inline(heading[2])), at + 1];
  if (/^\s{0,3}(?:-{3,}|\*{3,}|_{3,})\s*$/.test(line)) return [make("hr"), at + 1];
  if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? "")) return table(lines, at);
  if (ITEM.test(line)) return list(lines, at);
  if (/^ {4}|^\t/.test(line)) return indented(lines, at);
  let end = at + 1;
  while (end < lines.length && lines[end].trim() && !ITEM.test(lines[end]) && !/^\s*(?:#{1,6}\s|```|~~~)/.test(lines[end])) end += 1;
  const parts = lines.slice(at, end).flatMap((one, index) => [...(index ? [make("br")] : []), ...inline(one.replace(/^\s*>\s?/, "").trim())]);
  return [make(/^\s*>/.test(line) ? "blockquote" : "p", {}, ...parts), end];
}

const ITEM = /^\s*(?:[-*+]|\d{1,9}[.)])\s+/;

function code(lines, at, fence) {
  let end = at + 1;
  while (end < lines.length && !lines[end].trim().startsWith(fence)) end += 1;
  return [make("pre", {}, lines.slice(at + 1, end).join("\n")), end + 1];
}

function indented(lines, at) {
  let end = at;
  while (end < lines.length && /^ {4}|^\t/.test(lines[end])) end += 1;
  return [make("pre", {}, lines.slice(at, end).map((line) => line.replace(/^ {4}|^\t/, "")).join("\n")), end];
}

function list(lines, at) {
  const ordered = /^\s*\d/.test(lines[at]);
  const items = [];
  let end = at;
  while (end < lines.length && ITEM.test(lines[end])) {
    items.push(make("li", {}, ...inline(lines[end].replace(ITEM, ""))));
    end += 1;
  }
  return [make(ordered ? "ol" : "ul", {}, ...items), end];
}

function table(lines, at) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replaceAll("\\|", "|")));
  const head = make("thead", {}, make("tr", {}, ...cells(lines[at]).map((parts) => make("th", { scope: "col" }, ...parts))));
  const body = make("tbody");
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|") && lines[end].trim()) {
    body.append(make("tr", {}, ...cells(lines[end]).map((parts) => make("td", {}, ...parts))));
    end += 1;
  }
  return [make("table", { class: "table" }, head, body), end];
}

function inline(text, depth = 0) {
  const found = [];
  let rest = text;
  while (rest) {
    const hit = depth < MOST_DEPTH ? INLINE.exec(rest) : null;
    if (!hit) {
      found.push(rest);
      break;
    }
    if (hit.index) found.push(rest.slice(0, hit.index));
    const [whole, , verbatim, strong, strong2, em, label, address] = hit;
    if (verbatim !== undefined) found.push(make("code", {}, verbatim));
    else if (strong ?? strong2) found.push(make("strong", {}, ...inline(strong ?? strong2, depth + 1)));
    else if (em) found.push(make("em", {}, ...inline(em, depth + 1)));
    else found.push(label || address, ...(label && address ? [make("span", { class: "muted" }, ` (${address})`)] : []));
    rest = rest.slice(hit.index + whole.length);
  }
  return found;
}
