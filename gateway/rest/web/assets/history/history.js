// The history of one objective or key result.

import { html } from "../core/html.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Changes } from "./changes.js";
import { t } from "./strings.js";

/** @param {{item: import("../core/api.js").Objective|import("../core/api.js").KeyResult, onClose: () => void}} props */
export default function History({ item, onClose }) {
  const query = "keyResults" in item ? { objectiveId: item.id } : { keyResultId: item.id };
  return html`
    <${Dialog} title=${t.title(item.title)} wide onClose=${onClose}>
      <${Changes} query=${query} none=${t.none} about=${item.id} />
      <p class="actions"><${Button} onClick=${onClose}>${t.close}<//></p>
    <//>`;
}
