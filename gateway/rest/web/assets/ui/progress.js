// Progress as a bar, with a tick where it should be by today. Its number stands beside it, and what is reached has a check
// mark: colour alone says nothing.

import { html } from "../core/html.js";

/** @param {{value: number, label: string, expected?: number, tip?: string}} props tip: what the tick says */
export const Progress = ({ value, label, expected = 0, tip }) => html`
  <div class="bar">
    <progress max="100" value=${value} aria-label=${label} data-reached=${value >= 100 ? "" : null}></progress>
    ${expected > 0 && html`<i class="tick" style=${{ left: `${expected}%` }} data-tip=${tip}></i>`}
  </div>`;
