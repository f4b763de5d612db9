// What the editor takes from CodeMirror: refresh.py makes codemirror.js of it, with esbuild.
export { Compartment, EditorSelection, EditorState, Prec, StateEffect } from "@codemirror/state";
export { EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers, placeholder } from "@codemirror/view";
export { HighlightStyle, StreamLanguage, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
export { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
export { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
export { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
export { lintGutter, setDiagnostics } from "@codemirror/lint";
export { python } from "@codemirror/lang-python";
export { shell } from "@codemirror/legacy-modes/mode/shell";
export { toml } from "@codemirror/legacy-modes/mode/toml";
export { yaml } from "@codemirror/legacy-modes/mode/yaml";
export { json } from "@codemirror/legacy-modes/mode/javascript";
export { tags } from "@lezer/highlight";
