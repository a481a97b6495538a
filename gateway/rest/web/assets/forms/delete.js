// The question before something is deleted.

import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { text } from "../core/strings.js";
import { destroy } from "../okrs/writes.js";
import { Confirm } from "../ui/dialog.js";
import { Problem } from "../ui/problem.js";
import { t } from "./strings.js";

/**
 * @param {{item: import("../core/api.js").Objective|import("../core/api.js").KeyResult,
 *   resource: import("../core/session.js").Resource, focusAfter: () => HTMLElement|null, onClose: () => void}} props
 */
export default function Delete({ item, resource, focusAfter, onClose }) {
  const words = t.delete[resource];
  const { busy, failure, run } = useAction(async () => {
    await destroy(item.id);
    say(words.done);
  });
  const count = "keyResults" in item ? item.keyResults.length : 0;
  return html`
    <${Confirm} title=${words.title} yes=${words.yes} no=${text.keep} busy=${busy.value} focusAfter=${focusAfter} onYes=${run} onNo=${onClose}>
      <p class="subject">${text.quoted(item.title)}</p>
      <p>${words.warning(count)}</p>
      <${Problem} failure=${failure.value} />
    <//>`;
}
