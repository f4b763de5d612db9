// How code looks: the tokens of danlu.css, which reach into a shadow root, so that both themes need one sheet.
import { EditorView, HighlightStyle, syntaxHighlighting, tags } from "../vendor/codemirror/codemirror.js";

export const look = EditorView.theme({
  "&": { blockSize: "100%", fontSize: "13px", color: "var(--log-ink)", backgroundColor: "var(--log-bg)" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { padding: "8px 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 12px 0 6px" },
  ".cm-gutters": { backgroundColor: "var(--log-bg)", color: "var(--muted)", border: "0", paddingInlineStart: "4px" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "3ch", padding: "0 6px 0 4px", fontVariantNumeric: "tabular-nums" },
  ".cm-gutter-lint": { width: "14px" },
  ".cm-gutter-lint .cm-gutterElement": { padding: "3px 2px 0 0" },
  ".cm-lint-marker": { width: "11px", height: "11px" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--log-ink) 5%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--ink)" },
  ".cm-cursor": { borderLeftColor: "var(--ink)", borderLeftWidth: "2px" },
  "&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground": {
    background: "color-mix(in srgb, var(--glow) 32%, transparent)",
  },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in srgb, var(--glow) 18%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "color-mix(in srgb, var(--glow) 30%, transparent)", outline: "1px solid var(--line-strong)" },
  ".cm-placeholder": { color: "var(--muted)", whiteSpace: "pre-wrap" },
  ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--ink)", borderColor: "var(--line)" },
  ".cm-panels.cm-panels-bottom": { borderTop: "1px solid var(--line)" },
  ".cm-panel": { fontFamily: "var(--font)" },
  ".cm-panel input, .cm-panel button, .cm-panel label": { fontFamily: "var(--font)", fontSize: "12.5px", color: "var(--ink)" },
  ".cm-textfield": { backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "5px", minHeight: "26px" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--raised)", border: "1px solid var(--line-strong)", borderRadius: "5px", minHeight: "26px" },
  ".cm-panel button:focus-visible, .cm-panel input:focus-visible": { outline: "2px solid var(--focus)", outlineOffset: "1px" },
  ".cm-searchMatch": { backgroundColor: "color-mix(in srgb, var(--glow) 40%, transparent)" },
  ".cm-searchMatch.cm-searchMatch-selected": { outline: "2px solid var(--accent)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--ink)", border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "var(--shadow-high)", fontFamily: "var(--font)", overflow: "hidden" },
  ".cm-diagnostic": { padding: "5px 10px", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--danger)" },
});

export const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.keyword, tags.self, tags.operatorKeyword, tags.controlKeyword, tags.definitionKeyword, tags.moduleKeyword], color: "var(--ansi-5)" },
    { tag: [tags.string, tags.special(tags.string), tags.character], color: "var(--ansi-2)" },
    { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--ansi-3)" },
    { tag: [tags.comment, tags.docString], color: "var(--muted)", fontStyle: "italic" },
    { tag: [tags.function(tags.definition(tags.variableName)), tags.function(tags.variableName), tags.function(tags.propertyName)], color: "var(--ansi-4)" },
    { tag: [tags.className, tags.definition(tags.className), tags.typeName], color: "var(--ansi-6)" },
    { tag: [tags.meta, tags.annotation, tags.escape], color: "var(--ansi-1)" },
    { tag: [tags.heading, tags.definition(tags.propertyName)], color: "var(--ansi-4)" },
    { tag: tags.invalid, color: "var(--danger-ink)" },
  ]),
);
