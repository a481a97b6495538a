// Progress as a bar. Its number stands beside it, and what is reached has a check mark: colour alone says nothing.

import { html } from "../core/html.js";

/** @param {{value: number, label: string}} props */
export const Progress = ({ value, label }) => html`
  <progress max="100" value=${value} aria-label=${label} data-reached=${value >= 100 ? "" : null}></progress>`;
