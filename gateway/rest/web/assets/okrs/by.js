// Who changed something a moment ago. It stands where something else stood, so that nothing moves.

import { html } from "../core/html.js";
import { text } from "../core/strings.js";

/** @param {{who: string}} props */
export const By = ({ who }) => html`<span class="by" data-tip=${`${who}, ${text.live.justNow}`}>${who}</span>`;
