// The texts of what stands above and below objectives.

import { isolating } from "../core/html.js";
import { count, text } from "../core/strings.js";

export const t = isolating({
  gone: "Contributes to an objective that was deleted",
  goneAbove: "An objective that was deleted",
  archived: (/** @type {string} */ said) => `${said} (archived)`,
  path: "What it contributes to",
  below: "What contributes to it",
  nothingBelow: "No other objective contributes to this one.",
  contributing: (/** @type {number} */ n) => count(n, "objective"),
  has: (/** @type {number} */ n) => (n === 1 ? "1 contributes to it" : `${n} contribute to it`),
  belowNamed: (/** @type {string} */ title) => `What contributes to ${text.quoted(title)}`,
  view: "How they are shown",
  list: "List",
  tree: "Tree",
});
