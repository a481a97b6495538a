// The people of the organization.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { loadAccess, may, whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { ask, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { Invite } from "./invite.js";
import { MemberRow } from "./member.js";
import { texts } from "./strings.js";

const t = texts.members;

/**
 * @typedef {{memberId: string, emailAddress?: string, displayName: string, status: string, roles?: string[],
 *   effectiveRoles?: {roleId: string, sources: {kind: string, detail: string}[]}[], etag?: string}} Account
 */

export default function Members() {
  const members = useSignal(/** @type {Account[]|null} */ (null));
  const next = useSignal("");
  const inviting = useSignal(false);
  const deactivated = useSignal(false);
  const { busy, failure, run } = useAction(async (/** @type {string} */ token) => {
    if (!token) await loadAccess();
    const query = new URLSearchParams({ pageSize: "100" });
    if (token) query.set("pageToken", token);
    const searches = may("stytch.member:search");
    if (searches && deactivated.peek()) query.set("statuses", "MEMBER_STATUS_DELETED");
    const page = await ask("GET", `members${searches ? ":search" : ""}?${query}`);
    members.value = token ? [...(members.peek() ?? []), ...page.members] : page.members;
    next.value = page.nextPageToken;
  });
  useEffect(() => { run(""); }, [deactivated.value]);

  /** Shows what became of a member. @param {Account} fresh */
  const changed = (fresh) => {
    const removed = (fresh.status === "MEMBER_STATUS_DELETED") !== deactivated.peek();
    members.value = (members.peek() ?? []).flatMap((m) => (m.memberId !== fresh.memberId ? [m] : removed ? [] : [fresh]));
  };
  const denied = whyNot("stytch.member:create");
  return html`
    <div class="view-head">
      <div><p class="kicker">${session.value?.organizationName}</p><h1 tabindex="-1">${text.titles.members}</h1></div>
      ${members.value && html`<${Button} kind="primary" icon="plus" why=${denied} onClick=${() => { inviting.value = true; }}>${t.invite}<//>`}
    </div>
    ${inviting.value && html`<${Invite} onClose=${() => { inviting.value = false; }} onInvited=${() => run("")} />`}
    <${Problem} failure=${failure.value} onRetry=${() => run("")} />
    ${members.value === null && !failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
    ${members.value && html`
      ${may("stytch.member:search") && html`
        <fieldset class="switch"><legend class="visually-hidden">${t.which}</legend>
          ${[false, true].map((choice) => html`
            <label><input type="radio" name="which" checked=${deactivated.value === choice}
              onChange=${() => { members.value = null; deactivated.value = choice; }} /><span>${choice ? t.deactivated : t.current}</span></label>`)}
        </fieldset>`}
      ${members.value.length === 0 && html`<p class="none">${t.noneDeactivated}</p>`}
      ${members.value.length > 0 && html`
        <div class="card"><ul class="rows" aria-label=${text.titles.members}>
          ${members.value.map((member) => html`<${MemberRow} key=${member.memberId} member=${member} onChanged=${changed} />`)}
        </ul></div>`}`}
    ${next.value && html`<p class="more"><${Button} busy=${busy.value} onClick=${() => run(next.peek())}>${t.more}<//></p>`}`;
}
