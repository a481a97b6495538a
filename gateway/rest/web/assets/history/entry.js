// One change: who, through what, and what it was before and after.

import { useSignal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { dates } from "../core/locale.js";
import { Button } from "../ui/button.js";
import { Difference } from "./difference.js";
import { t } from "./strings.js";
import { Undo } from "./undo.js";
import { called } from "./who.js";

/** @typedef {import("../core/api.js").Change} Change */

export const times = dates({ dateStyle: "medium", timeStyle: "short" });

/** @param {{change: Change, about?: string, onUndone: () => void}} props */
export function Entry({ change, about, onUndone }) {
  const undoing = useSignal(false);
  const { actor, via, before, after, proposal } = change;
  const item = after?.objective ?? after?.keyResult ?? before?.objective ?? before?.keyResult;
  const who = called(actor);
  const done = t.did(change.kind, item?.id === about ? "" : item?.title ?? "");
  return html`
    <li>
      <div class="entry">
        <p class="did"><strong>${who}</strong> ${done}</p>
        <${Button} kind="quiet" label=${t.undo.named(done, who)} onClick=${() => { undoing.value = true; }}>${t.undo.undo}<//>
      </div>
      <p class="quiet"><time datetime=${change.createTime}>${times.format(Date.parse(change.createTime))}</time>${" "}
        ${through(via)}${proposal && `, ${t.proposed(called(proposal.proposer), through(proposal.via))}`}
        ${Number(change.undoes) > 0 && ` · ${t.undo.isOne}`}</p>
      <${Content} change=${change} />
      ${undoing.value && html`
        <${Undo} change=${change} title=${t.did(change.kind, item?.title ?? "")} onClose=${() => { undoing.value = false; }}
          onDone=${() => { undoing.value = false; onUndone(); }} />`}
    </li>`;
}

/** The way by which something came in. @param {import("../core/api.js").Via|undefined} via */
export const through = (via) => (via?.clientId ? t.client(via.clientName || via.clientId) : t.via[via?.surface ?? ""] ?? "");

/**
 * What was changed, or would be, and what was said about it.
 * @param {{change: Pick<Change, "before"|"after"|"checkIn">}} props
 */
export function Content({ change }) {
  const { checkIn } = change;
  return html`
    <${Difference} change=${change} />
    ${checkIn?.note && html`<blockquote class="prose">${checkIn.note}</blockquote>`}
    ${checkIn && checkIn.evidence.length > 0 && html`
      <ul class="evidence">${checkIn.evidence.map(({ url, observedValue }) => html`
        <li><a href=${url} target="_blank" rel="noopener noreferrer nofollow">${url}</a> ${observedValue && t.seen(observedValue)}</li>`)}</ul>`}`;
}
