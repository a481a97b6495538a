// Whether single keys are shortcuts, for this browser. Who speaks to the machine, or hits keys without meaning to, turns
// them off (WCAG 2.2, success criterion 2.1.4).

import { signal } from "../vendor/signals.js";

const name = "okr-keys";

/** @returns {string|null} */
function stored() {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Whether they are on. */
export const singleKeys = signal(stored() !== "off");

/** Whether the list of all shortcuts is open. */
export const sheetOpen = signal(false);

/** @param {boolean} on */
export function chooseKeys(on) {
  singleKeys.value = on;
  try {
    if (on) localStorage.removeItem(name);
    else localStorage.setItem(name, "off");
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
