// The history of one objective or key result.

import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Lazy } from "../ui/lazy.js";
import { Changes } from "./changes.js";
import { t } from "./strings.js";

const chart = () => import("./chart.js");

/** @param {{item: import("../core/api.js").Objective|import("../core/api.js").KeyResult, onClose: () => void}} props */
export default function History({ item, onClose }) {
  const reported = !("keyResults" in item) && item.checkInCount > 0;
  const query = "keyResults" in item ? { objectiveId: item.id } : { keyResultId: item.id };
  return html`
    <${Dialog} title=${t.title(item.title)} wide onClose=${onClose}>
      ${reported && html`<${Lazy} load=${chart} item=${item} meanwhile=${html`<div class="chart" role="status"><span class="visually-hidden">${text.loading}</span></div>`} />`}
      <${Changes} query=${query} none=${t.none} about=${item.id} />
      <p class="actions"><${Button} onClick=${onClose}>${t.close}<//></p>
    <//>`;
}
