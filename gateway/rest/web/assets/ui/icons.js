// Pictures beside words, and on buttons that have a name of their own. Assistive technology does not see them.

import { html } from "../core/html.js";

/** @type {Record<string, string>} */
const paths = {
  edit: "M4 16.5V20h3.5L18 9.5 14.5 6 4 16.5zM13 7.5l3.5 3.5",
  bin: "M5 7h14M10 7V4.5h4V7M6.5 7l1 13h9l1-13M10 11v5.5M14 11v5.5",
  plus: "M12 5v14M5 12h14",
  check: "M5 12.5l4.5 4.5L19 7.5",
  down: "M6 9.5l6 6 6-6",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  warn: "M12 4l9 16H3zM12 10v4.5M12 17v.5",
  off: "M4 4l16 16M8.5 13.5a5 5 0 0 1 3-1.4M5.5 10a9.5 9.5 0 0 1 3.6-2.2M15 8.2a9.5 9.5 0 0 1 3.5 1.8M12 17.5v.5",
  clock: "M12 4a8 8 0 1 0 .01 0M12 8v4.5l3 1.5",
  report: "M4 5h16v11h-9l-4 4v-4H4zM8 10.5l3 2.5 5-5",
  filter: "M4 6h16M7 12h10M10 18h4",
  on: "M12 4a8 8 0 1 0 .01 0M8.5 12.5l2.5 2.5 4.5-5",
  risk: "M12 4l9 16H3zM12 10v4.5M12 17v.5",
  miss: "M12 3l9 9-9 9-9-9zM12 8.5v4.5M12 15.5v.5",
  old: "M12 4a8 8 0 1 0 .01 0M12 8v4.5h3.5",
  keys: "M3 6.5h18v11H3zM6.5 10h.01M10 10h.01M13.5 10h.01M17 10h.01M8 14h8",
  lock: "M5.5 11h13v9h-13zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  out: "M10 5H5v14h5M15 8l4 4-4 4M19 12H9",
};

/** @param {{name: keyof typeof paths}} props */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${paths[name]} /></svg>`;

/** The mark of the product: a target, two thirds reached. */
export const Mark = () => html`
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <circle cx="16" cy="16" r="13" class="mark-track" /><path d="M16 3a13 13 0 1 1-11.26 19.5" class="mark-arc" />
    <circle cx="16" cy="16" r="4.5" class="mark-dot" />
  </svg>`;
