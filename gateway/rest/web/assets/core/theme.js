// Light or dark: the system's choice, unless somebody chose for this browser.

import { signal } from "../vendor/signals.js";

/** @typedef {"system"|"light"|"dark"} Theme */

const key = "okr-theme";

/** The choice in effect. theme.js has applied it before the page was drawn. */
export const theme = signal(/** @type {Theme} */ (document.documentElement.dataset.theme ?? "system"));

/** @param {Theme} choice */
export function choose(choice) {
  theme.value = choice;
  const root = document.documentElement;
  if (choice === "system") delete root.dataset.theme;
  else root.dataset.theme = choice;
  try {
    if (choice === "system") localStorage.removeItem(key);
    else localStorage.setItem(key, choice);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
