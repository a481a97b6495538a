// Deleting, which asks first.

import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { why } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Confirm } from "../ui/dialog.js";
import { Problem } from "../ui/problem.js";
import { destroy } from "./store.js";

/**
 * @param {{item: import("../core/api.js").Objective|import("../core/api.js").KeyResult,
 *   resource: import("../core/session.js").Resource, focusAfter: () => HTMLElement|null}} props
 */
export function Delete({ item, resource, focusAfter }) {
  const asking = useSignal(false);
  const words = text.delete[resource];
  const { busy, failure, run } = useAction(async () => {
    await destroy(item.id);
    say(words.done);
  });
  const count = "keyResults" in item ? item.keyResults.length : 0;
  return html`
    <${Button} kind="quiet" icon="bin" label=${words.label(item.title)} why=${why("DELETE", resource)}
      onClick=${() => { failure.value = null; asking.value = true; }} />
    ${asking.value && html`
      <${Confirm} title=${words.title} yes=${words.yes} no=${text.keep} busy=${busy.value}
        focusAfter=${focusAfter} onYes=${run} onNo=${() => { asking.value = false; }}>
        <p class="subject">${text.quoted(item.title)}</p>
        <p>${words.warning(count)}</p>
        <${Problem} failure=${failure.value} />
      <//>`}`;
}
