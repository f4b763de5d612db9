// An editor for code: CodeMirror in a shadow root of its own, where its styles are adopted sheets, which the
// Content-Security-Policy of our pages allows (in a document it would write a <style>).
import {
  Compartment, EditorSelection, EditorState, EditorView, Prec, StreamLanguage, bracketMatching, closeBrackets,
  closeBracketsKeymap, defaultKeymap, drawSelection, highlightActiveLine, highlightActiveLineGutter,
  highlightSelectionMatches, highlightSpecialChars, history, historyKeymap, indentOnInput, indentUnit, indentWithTab,
  json, keymap, lineNumbers, lintGutter, placeholder, python, searchKeymap, setDiagnostics, shell, toml, yaml,
} from "../vendor/codemirror/codemirror.js";
import { colours, look } from "./code_theme.js";

const STREAMS = { sh: shell, bash: shell, toml, cfg: toml, ini: toml, yaml, yml: yaml, json, jsonl: json };

/** The extension that highlights a file of this name; nothing for a language that we do not know. */
function languageOf(name) {
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  if (ending === "py" || ending === "pyi") return python();
  return STREAMS[ending] ? StreamLanguage.define(STREAMS[ending]) : [];
}

/** Typing over a selection, done here: a browser would keep the look of what was selected in a style attribute, which our
    Content-Security-Policy refuses with a message. */
const typedOver = EditorView.domEventHandlers({
  beforeinput(event, view) {
    const { from, to, empty } = view.state.selection.main;
    if (event.inputType !== "insertText" || !event.data || empty || view.composing || view.state.readOnly) return false;
    const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
    const handled = view.state.facet(EditorView.inputHandler).some((handler) => handler(view, from, to, event.data, insert));
    if (!handled) view.dispatch(insert());
    event.preventDefault();
    return true;
  },
});

export class CodeEditor {
  /**
   * @param {HTMLElement} host gets the shadow root
   * @param {object} options `label` for screen readers, `name` of the file, `text`, `readOnly`, `wrap` long lines, `hint` shown while it
   *   is empty, `changed()` after each change by the user, `submit()` for Ctrl+Enter
   */
  constructor(host, { label, name = "train.py", text = "", readOnly = false, wrap = false, hint = "", changed, submit }) {
    this.language = new Compartment();
    this.lock = new Compartment();
    this.about = new Compartment();
    this.changed = changed;
    this.label = label;
    this.base = [
      lineNumbers(), highlightSpecialChars(), drawSelection(), bracketMatching(), highlightSelectionMatches(), look, colours,
      indentUnit.of("    "), EditorState.tabSize.of(4), keymap.of([...searchKeymap, ...defaultKeymap]),
      wrap ? EditorView.lineWrapping : [], readOnly ? [] : this.#writing(hint, submit),
    ];
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    this.view = new EditorView({ root, parent: root, state: this.#state(name, text, readOnly) });
    this.readOnly = readOnly;
  }

  #writing(hint, submit) {
    const start = { key: "Mod-Enter", run: () => (submit?.(), true), preventDefault: true };
    return [
      Prec.highest(keymap.of([start])), typedOver, history(), closeBrackets(), indentOnInput(), highlightActiveLine(),
      highlightActiveLineGutter(), lintGutter(), placeholder(hint),
      // Escape first lets Tab leave the editor
      keymap.of([...closeBracketsKeymap, ...historyKeymap, indentWithTab]),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        this.#invalid(false);
        if (!this.quiet) this.changed?.();
      }),
    ];
  }

  #state(name, text, readOnly) {
    return EditorState.create({
      doc: text,
      extensions: [this.base, this.language.of(languageOf(name)), this.about.of(this.#attributes(false)), this.lock.of(EditorState.readOnly.of(readOnly))],
    });
  }

  #attributes(invalid) {
    return EditorView.contentAttributes.of({ "aria-label": this.label, tabindex: "0", ...(invalid ? { "aria-invalid": "true" } : {}) });
  }

  #invalid(invalid) {
    if (Boolean(this.wrong) === invalid) return;
    this.wrong = invalid;
    // inside an update another one cannot be sent
    queueMicrotask(() => this.view.dispatch({ effects: this.about.reconfigure(this.#attributes(invalid)) }));
  }

  /** What stands in it, with \n between lines. */
  get text() {
    return this.view.state.doc.toString();
  }

  get lines() {
    return this.view.state.doc.lines;
  }

  /** Show another file, perhaps one that must not be changed; what was undone or marked in the one before is forgotten. */
  open(name, text, readOnly = this.readOnly) {
    this.wrong = false;
    this.view.setState(this.#state(name, text, readOnly));
  }

  /** Put other text into the same file, so that undo brings the old one back. */
  replace(name, text) {
    this.quiet = true;
    this.view.dispatch({
      changes: { from: 0, to: this.view.state.doc.length, insert: text },
      selection: EditorSelection.cursor(0),
      effects: [this.language.reconfigure(languageOf(name)), this.lock.reconfigure(EditorState.readOnly.of(false))],
    });
    this.quiet = false;
  }

  rename(name) {
    this.view.dispatch({ effects: this.language.reconfigure(languageOf(name)) });
  }

  /** Mark an error; `line` and `column` count from 1. Without an error, take the marks away. */
  mark(error) {
    this.#invalid(Boolean(error));
    this.view.dispatch(setDiagnostics(this.view.state, error ? [this.#diagnostic(error)] : []));
  }

  #diagnostic({ line, column, message }) {
    const at = this.view.state.doc.line(Math.min(Math.max(line, 1), this.view.state.doc.lines));
    const from = Math.min(at.from + Math.max(column - 1, 0), at.to);
    return { from, to: Math.max(from, Math.min(from + 1, at.to)), severity: "error", message };
  }

  /** Put the cursor there and bring it into sight. */
  goTo(line, column = 1) {
    const { from } = this.#diagnostic({ line, column });
    this.view.dispatch({ selection: EditorSelection.cursor(from), effects: EditorView.scrollIntoView(from, { y: "center" }) });
  }

  focus() {
    this.view.focus();
  }
}
