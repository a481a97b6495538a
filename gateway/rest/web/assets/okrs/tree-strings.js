// The texts of what stands above and below objectives.

import { count } from "../core/strings.js";

export const t = {
  gone: "Contributes to an objective that was deleted",
  goneAbove: "An objective that was deleted",
  archived: (/** @type {string} */ said) => `${said} (archived)`,
  path: "What it contributes to",
  below: "What contributes to it",
  nothingBelow: "No other objective contributes to this one.",
  contributing: (/** @type {number} */ n) => `${count(n, "objective")}`,
};
