// The one tooltip of the page: what it shows. Where it is drawn is in tip-box.js, which comes later.

import { signal } from "../vendor/signals.js";

export const shown = signal(/** @type {{text: string, target: Element}|null} */ (null));
const patience = 120; // milliseconds to get from the control to the tip
let hiding = 0;

/** Goes on showing what is shown. */
export const keep = () => clearTimeout(hiding);

/** @param {Element} target */
export function showTip(target) {
  keep();
  const text = target.getAttribute("data-tip");
  if (text) shown.value = { text, target };
}

export function hide() {
  keep();
  hiding = setTimeout(() => { shown.value = null; }, patience);
}
