// The question before something is deleted.

import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { why } from "../core/session.js";
import { text } from "../core/strings.js";
import { archived } from "../okrs/rules.js";
import { words as shown } from "../okrs/strings.js";
import { destroy, move } from "../okrs/writes.js";
import { Button } from "../ui/button.js";
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
  const archive = useAction(async () => {
    await move(item.id, "archive");
    say(shown.objective.done.archive);
    onClose();
  });
  const count = "keyResults" in item ? item.keyResults.length : 0;
  const canBePut = "keyResults" in item && item.state !== archived;
  return html`
    <${Confirm} title=${words.title} yes=${words.yes} no=${text.keep} busy=${busy.value} focusAfter=${focusAfter} onYes=${run} onNo=${onClose}>
      <p class="subject">${text.quoted(item.title)}</p>
      <p>${words.warning(count)}</p>
      ${canBePut && html`<p>${t.delete.instead} <${Button} kind="quiet" busy=${archive.busy.value} why=${why("UPDATE", "objective")}
        onClick=${archive.run}>${t.delete.archive}<//></p>`}
      <${Problem} failure=${failure.value ?? archive.failure.value} />
    <//>`;
}
