// The texts of the keyboard shortcuts.

import { isolating } from "../core/html.js";

/** Keys by the name that the browser gives them. @type {Record<string, string>} */
const names = { ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc" };

export const t = isolating({
  title: "Keyboard shortcuts",
  lead: "They work wherever nothing is being typed.",
  goTo: "Go to",
  anywhere: "Anywhere",
  list: "In a list",
  proposals: "In a proposal that has the focus",
  forms: "In forms and dialogs",
  key: (/** @type {string} */ key) => names[key] ?? (key.length === 1 ? key.toUpperCase() : key),
  then: "then",
  create: "New objective",
  search: "Search, or filter the list",
  sheet: "These shortcuts",
  next: "Next one",
  previous: "The one before",
  approve: "Approve",
  reject: "Reject",
  send: "Send a text of several lines",
  leave: "Close it; leave a form that nothing was typed in",
  on: "Single keys are shortcuts",
  onHint: "Turn this off if you speak to your machine, or if keys are hit unintended. The list stays in the account menu.",
  turned: (/** @type {boolean} */ on) => (on ? "Shortcuts are on." : "Shortcuts are off."),
  close: "Close",
});
