// What stands where charts would: nothing chosen, nothing logged yet, something that went wrong.
import { make } from "./dom.js";

/** The message of one island. */
export class Message {
  constructor() {
    this.element = make("div", { class: "curve-message", role: "status", hidden: true });
  }

  /** Say something. @param {string} title @param {string} [text] @param {...Node} more */
  say(title, text, ...more) {
    this.element.replaceChildren(make("strong", {}, title), ...(text ? [make("span", {}, text)] : []), ...more);
    this.element.hidden = false;
  }

  /** Nothing to say any more. */
  clear() {
    if (!this.element.hidden) this.element.hidden = true;
  }

  /** There are no tags. @param {number} runs @param {boolean} ended */
  none(runs, ended) {
    if (!runs) this.say("No runs chosen", "Tick runs in the table to draw their curves.");
    else if (ended) this.say("No scalars", runs > 1 ? "These runs logged none." : "This run logged none.");
    else this.say("No scalars yet", "Curves appear here with the first value that the run logs.");
  }

  /** Something went wrong. @param {string} text @param {() => void} retry */
  broken(text, retry) {
    this.say("The curves cannot be shown", text, make("button", { class: "btn small", type: "button", onclick: () => {
      this.clear();
      retry();
    } }, "Try again"));
  }
}
