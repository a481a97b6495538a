// One proposal: what it would change, and the buttons that decide on it.

import { useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { segment } from "../core/api.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask, session, why } from "../core/session.js";
import { text } from "../core/strings.js";
import { singleKeys } from "../keys/setting.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { Content, through, times } from "./entry.js";
import { p } from "./proposal-strings.js";
import { called } from "./who.js";

/** @typedef {import("../core/api.js").Proposal} One */

const open = "PROPOSAL_STATE_OPEN";

/** @param {{proposal: One, onChange: (changed: One) => void}} props */
export function Proposal({ proposal, onChange }) {
  const card = useRef(/** @type {HTMLElement|null} */ (null));
  const rejecting = useSignal(false);
  const { before, after, proposer, via, permission } = proposal;
  const item = after?.objective ?? after?.keyResult ?? before?.objective ?? before?.keyResult;
  const what = p.what(proposal.kind, item?.title ?? "");
  const denied = why(/** @type {import("../core/session.js").Action} */ (permission.action.replace("ACTION_", "")),
    /** @type {import("../core/session.js").Resource} */ (permission.resource));
  const mine = proposer?.memberId === session.value?.principal.memberId;
  const path = `proposals/${segment(proposal.id)}`;
  const { busy, failure, run } = useAction(async (/** @type {string} */ verb, /** @type {string} */ said, /** @type {object} */ body) => {
    try {
      onChange(await ask("POST", `${path}:${verb}`, { body }));
      say(said);
      card.current?.focus(); // the buttons are gone
    } catch (caught) {
      const { reason } = /** @type {import("../core/api.js").Failure} */ (caught);
      if (reason === "PROPOSAL_SUPERSEDED" || reason === "PROPOSAL_NOT_OPEN") onChange(await ask("GET", path));
      throw caught;
    }
  });
  const approve = () => run("approve", p.approved, {});
  const gone = before?.objective?.keyResults?.length ?? 0;

  const keyed = (/** @type {KeyboardEvent} */ event) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
    const at = /** @type {HTMLElement} */ (event.currentTarget);
    const toward = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
    if (toward) {
      const other = at.parentElement?.[/** @type {"nextElementSibling"} */ (toward)]?.querySelector("article");
      if (other) {
        event.preventDefault();
        /** @type {HTMLElement} */ (other).focus();
      }
    } else if (!singleKeys.value || proposal.state !== open || denied) return;
    else if (event.key === "a") approve();
    else if (event.key === "r") {
      event.preventDefault(); // the letter is not for the dialog
      rejecting.value = true;
    }
  };
  const heading = `proposal-${proposal.id}`;
  return html`
    <li><article class="card" tabindex="0" ref=${card} aria-labelledby=${heading} aria-describedby="proposal-keys" onKeyDown=${keyed}>
      <header><h2 id=${heading}>${what}</h2></header>
      <p class="quiet">${p.who(called(proposer), through(via))},${" "}
        <time datetime=${proposal.createTime}>${times.format(Date.parse(proposal.createTime))}</time>
        ${proposal.state === open && `, ${p.until(times.format(Date.parse(proposal.expireTime)))}`}</p>
      <${Content} change=${proposal} />
      ${!after && gone > 0 && html`<p>${p.with(gone)}</p>`}
      ${proposal.state === open ? html`
        <p class="actions">
          <${Button} kind="primary" label=${p.approveNamed(what)} why=${denied} busy=${busy.value} onClick=${approve}>${p.approve}<//>
          <${Button} label=${p.rejectNamed(what)} why=${denied} onClick=${() => { rejecting.value = true; }}>${p.reject}<//>
          ${mine && html`<${Button} kind="quiet" label=${p.withdrawNamed(what)} busy=${busy.value}
            onClick=${() => run("withdraw", p.withdrawn, {})}>${p.withdraw}<//>`}
        </p>` : html`<${Outcome} proposal=${proposal} />`}
      ${!rejecting.value && html`<${Problem} failure=${failure.value} />`}
      ${rejecting.value && html`<${Reject} what=${what} busy=${busy.value} failure=${failure.value}
        onClose=${() => { rejecting.value = false; }} focusAfter=${() => card.current}
        onReject=${async (/** @type {string} */ reason) => {
          if (await run("reject", p.rejected, { reason })) rejecting.value = false;
        }} />`}
    </article></li>`;
}

/** @param {{proposal: One}} props */
function Outcome({ proposal }) {
  const state = p.states[proposal.state] ?? proposal.state;
  return html`
    <p><strong>${proposal.decider ? p.by(state, called(proposal.decider)) : state}</strong>
      ${proposal.decideTime && html`<span class="quiet"> <time datetime=${proposal.decideTime}>${times.format(Date.parse(proposal.decideTime))}</time></span>`}</p>
    ${proposal.reason && html`<blockquote class="prose">${proposal.reason}</blockquote>`}`;
}

/** @param {{what: string, busy: boolean, failure: import("../core/api.js").Failure|null, onReject: (reason: string) => void,
 *   onClose: () => void, focusAfter: () => HTMLElement|null}} props */
function Reject({ what, busy, failure, onReject, onClose, focusAfter }) {
  const reason = useSignal("");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    onReject(reason.value.trim());
  };
  return html`
    <${Dialog} title=${p.rejectNamed(what)} onClose=${onClose} focusAfter=${focusAfter}>
      <form onSubmit=${submit} novalidate>
        <${Field} label=${p.reason} lines maxlength="1000" value=${reason.value} onValue=${(/** @type {string} */ typed) => { reason.value = typed; }} />
        <${Problem} failure=${failure} />
        <p class="actions">
          <${Button} onClick=${onClose}>${text.cancel}<//>
          <${Button} kind="danger" submit busy=${busy}>${p.reject}<//>
        </p>
      </form>
    <//>`;
}
