// What contributes to an objective, and how far that is.

import { useSignal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { More, pageSize } from "./objectives.js";
import { Row } from "./row.js";
import { shown } from "./store.js";
import { t } from "./tree-strings.js";

/** @param {{id: string}} props */
export default function Contributing({ id }) {
  const count = useSignal(pageSize);
  const ids = (shown.value ?? []).filter((one) => one !== id);
  return html`
    <h2 id="below">${t.below}</h2>
    ${ids.length === 0
      ? html`<p class="none">${t.nothingBelow}</p>`
      : html`<p class="summary">${t.contributing(ids.length)}</p>
        <div class="card"><ul class="tree" aria-labelledby="below">
          ${ids.slice(0, count.value).map((one) => html`<li key=${one} id=${one}><${Row} id=${one} below /></li>`)}
        </ul></div>`}
    <${More} rest=${ids.length - count.value} onMore=${() => { count.value += pageSize; }} />`;
}
