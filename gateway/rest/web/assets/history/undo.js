// Undoing one change: what would become of it, then doing it.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { ownRequests } from "../okrs/store.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Problem } from "../ui/problem.js";
import { Difference } from "./difference.js";
import { outcomeText, possible } from "./outcomes.js";
import { t } from "./strings.js";
import { called } from "./who.js";

/** @typedef {import("../core/api.js").Change} Change */
/** @typedef {import("./outcomes.js").Result} Result */

/** @param {{change: Change, title: string, onClose: () => void, onDone: () => void}} props */
export function Undo({ change, title, onClose, onDone }) {
  const planned = useSignal(/** @type {Result|null} */ (null));
  const requestId = useSignal(crypto.randomUUID()).value; // the same when it is tried again
  const undo = (/** @type {object} */ body) => ask("POST", `changes/${change.seq}:undo`, { body });
  const look = useAction(async () => { planned.value = (await undo({ preview: true })).result; });
  const { busy, failure, run } = useAction(async () => {
    ownRequests.add(requestId);
    try {
      await undo({ requestId });
    } catch (caught) {
      if (/** @type {import("../core/api.js").Failure} */ (caught).reason === "UNDO_CONFLICT") look.run();
      throw caught;
    }
    say(t.undo.done);
    onDone();
  });
  useEffect(() => { look.run(); }, []);
  const result = planned.value;
  const can = result !== null && possible(result);
  return html`
    <${Dialog} title=${t.undo.title} onClose=${onClose} focusAfter=${() => document.querySelector("dialog[open] > h2")}>
      <p>${t.undo.what(called(change.actor), title)}</p>
      ${!result && !look.failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
      <${Problem} failure=${look.failure.value} onRetry=${look.run} />
      ${can && html`<p>${t.undo.will[kindOf(change)]}</p><${Difference} change=${inverse(change)} />`}
      ${result && !can && html`<p class="notice" role="alert">${outcomeText(result)}</p>`}
      <${Problem} failure=${failure.value} />
      <p class="actions">
        <${Button} onClick=${onClose}>${can ? text.cancel : t.close}<//>
        ${can && html`<${Button} kind="primary" busy=${busy.value} onClick=${run}>${t.undo.undo}<//>`}
      </p>
    <//>`;
}

/** @param {Change} change @returns {"delete"|"bringBack"|"change"} what undoing it does */
const kindOf = ({ before, after }) => (before ? (after ? "change" : "bringBack") : "delete");

/** @param {Change} change @returns {Change} what undoing it would show as a difference */
const inverse = (change) => (change.before && change.after ? { ...change, before: change.after, after: change.before } : { ...change, before: undefined, after: undefined });
