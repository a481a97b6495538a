// Undoing everything that an agent did since some time: first what would become of it, then doing it.

import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { outcomeText } from "../history/outcomes.js";
import { t as history } from "../history/strings.js";
import { titleOf } from "../okrs/others.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { Select } from "../ui/select.js";
import { texts } from "./strings.js";

const t = texts.agents.undoing;

/**
 * @typedef {import("../history/outcomes.js").Result} Result
 * @typedef {{undone: number, before: number, skipped: Result[], continuation: string}} Sweep before: how many were undone before
 */

const mostNamed = 100; // of those that are passed over; the rest is counted

const hour = 3_600_000;
/** How long ago each choice begins, in milliseconds. @type {Record<string, number>} */
const spans = { hour, day: 24 * hour, week: 7 * 24 * hour };

/** @returns {Sweep} */
const nothing = () => ({ undone: 0, before: 0, skipped: [], continuation: "" });

/** @param {{sum: import("./agent-activity.js").Sum, name: string, onClose: (changed: boolean) => void}} props */
export default function UndoClient({ sum, name, onClose }) {
  const span = useSignal("all");
  const typed = useSignal("");
  const request = useSignal(/** @type {Record<string, string>|null} */ (null));
  const planned = useSignal(/** @type {Sweep|null} */ (null));
  const done = useSignal(/** @type {Sweep|null} */ (null));
  const finished = useSignal(false);
  /** Calls until nothing is left. What was interrupted goes on where it was. @param {import("../vendor/signals.js").Signal<Sweep|null>} sweep @param {boolean} preview */
  const go = async (sweep, preview) => {
    sweep.value ??= nothing();
    for (;;) {
      const so = sweep.peek() ?? nothing();
      const answer = await ask("POST", "changes:undoClient", { body: { ...request.peek(), preview, continuation: so.continuation } });
      /** @type {Result[]} */
      const results = answer.results;
      const already = results.filter(({ outcome }) => outcome === "UNDO_OUTCOME_ALREADY_UNDONE").length;
      const skipped = results.filter(({ outcome }) => !["UNDO_OUTCOME_ALREADY_UNDONE", "UNDO_OUTCOME_UNDONE"].includes(outcome));
      sweep.value = {
        undone: so.undone + answer.undone, before: so.before + already, skipped: [...so.skipped, ...skipped], continuation: answer.continuation,
      };
      if (!answer.continuation) return;
    }
  };
  const looked = useSignal(false);
  const look = useAction(async () => {
    if (!planned.peek()) {
      const start = span.peek() === "other" ? Date.parse(typed.peek()) : Date.now() - spans[span.peek()];
      request.value = {
        clientId: sum.clientId, ...(sum.member && { memberId: sum.member.memberId }),
        ...(span.peek() !== "all" && { startTime: new Date(start).toISOString() }),
      };
    }
    await go(planned, true);
    looked.value = true;
    say(t.would(planned.peek()?.undone ?? 0));
  });
  const undo = useAction(async () => {
    await go(done, false);
    finished.value = true;
    say(t.did(done.peek()?.undone ?? 0));
  });
  const change = () => {
    planned.value = null;
    looked.value = false;
  };
  const wrong = span.value === "other" && Number.isNaN(Date.parse(typed.value));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!wrong) look.run();
  };
  const plan = planned.value;
  const result = done.value;
  return html`
    <${Dialog} title=${t.title(name)} wide onClose=${() => onClose(result !== null)}>
      <p>${t.lead}</p>
      ${!result && html`
        <form onSubmit=${submit} novalidate>
          <${Select} label=${t.since} value=${span.value} options=${t.spans} onValue=${(/** @type {string} */ value) => { span.value = value; change(); }} />
          ${span.value === "other" && html`<${Field} label=${t.moment} type="datetime-local" value=${typed.value}
            onValue=${(/** @type {string} */ value) => { typed.value = value; change(); }} />`}
          ${!looked.value && html`<p class="actions">
            <${Button} onClick=${() => onClose(false)}>${text.cancel}<//>
            <${Button} kind="primary" submit busy=${look.busy.value} why=${wrong ? t.momentMissing : ""}>${t.look}<//></p>`}
        </form>`}
      ${look.busy.value && plan && html`<p role="status" class="quiet">${t.looking(plan.undone + plan.before + plan.skipped.length)}</p>`}
      <${Problem} failure=${look.failure.value} onRetry=${look.run} />
      ${looked.value && plan && !result && html`
        <${Outcome} sweep=${plan} first=${plan.undone > 0 ? t.would(plan.undone) : t.wouldNothing} />
        <p class="actions">
          <${Button} onClick=${() => onClose(false)}>${text.cancel}<//>
          ${plan.undone > 0 && html`<${Button} kind="danger" busy=${undo.busy.value} onClick=${undo.run}>${t.undo(plan.undone)}<//>`}
        </p>`}
      ${result && !finished.value && html`<p role="status">${t.progress(result.undone, plan?.undone ?? 0)}</p>`}
      <${Problem} failure=${undo.failure.value} onRetry=${undo.run} />
      ${result && finished.value && html`
        <${Outcome} sweep=${result} first=${t.did(result.undone)} />
        <p class="actions"><${Button} kind="primary" onClick=${() => onClose(true)}>${history.close}<//></p>`}
    <//>`;
}

/** @param {{sweep: Sweep, first: string}} props */
function Outcome({ sweep, first }) {
  const { before, skipped } = sweep;
  const rest = skipped.length - mostNamed;
  return html`
    <div class="outcome">
      <p><strong>${first}</strong> ${before > 0 && t.before(before)}</p>
      ${skipped.length > 0 && html`
        <p>${t.skipped(skipped.length)}</p>
        <ul class="skipped" tabindex="0" aria-label=${t.skippedLabel}>${skipped.slice(0, mostNamed).map((result) => html`
          <li key=${result.seq}><strong>${history.kind(result.kind)}</strong>${result.objectiveId && ` ${t.under(titleOf(result.objectiveId))}`}<br />${outcomeText(result)}</li>`)}
        </ul>
        ${rest > 0 && html`<p class="quiet">${t.more(rest)}</p>`}`}
    </div>`;
}
