// What is said to people who do not look at the page. Every text goes through one polite live region.

import { signal } from "../vendor/signals.js";

/** The text that the live region holds. */
export const spoken = signal("");

/** The connection that keeps the page up to date: "off", "connecting", "live", or "cut" while it is being made again. */
export const connection = signal("off");

let again = false;

/**
 * Says something to screen readers. The same text twice is said twice.
 * @param {string} text
 */
export function say(text) {
  again = !again;
  spoken.value = again ? text : `${text}\u00a0`;
}
