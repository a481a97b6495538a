// The people of the organization.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { loadAccess, may, whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { ask, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { Invite } from "./invite.js";
import { MemberRow } from "./member.js";
import { texts } from "./strings.js";

const t = texts.members;

/**
 * @typedef {{memberId: string, emailAddress?: string, displayName: string, status: string, roles?: string[],
 *   effectiveRoles?: {roleId: string, sources: {kind: string, detail: string}[]}[], etag?: string}} Account
 */

/** Characters of an address that a search takes. */
const shortest = 3;

export default function Members() {
  const members = useSignal(/** @type {Account[]|null} */ (null));
  const next = useSignal("");
  const inviting = useSignal(false);
  const deactivated = useSignal(false);
  const typed = useSignal("");
  const wanted = useSignal(""); // what was typed, once it was sent
  const tooShort = useSignal(false);
  const { busy, failure, run } = useAction(async (/** @type {string} */ token) => {
    if (!token) await loadAccess();
    const query = new URLSearchParams({ pageSize: "100" });
    if (token) query.set("pageToken", token);
    const searches = may("stytch.member:search");
    if (searches && deactivated.peek()) query.set("statuses", "MEMBER_STATUS_DELETED");
    const part = wanted.peek();
    if (searches && part) query.set("emailContains", part);
    const from = deactivated.peek();
    const page = await ask("GET", `members${searches ? ":search" : ""}?${query}`);
    if (part !== wanted.peek() || from !== deactivated.peek()) return; // others were asked for meanwhile
    members.value = token ? [...(members.peek() ?? []), ...page.members] : page.members;
    next.value = page.nextPageToken;
  });
  useEffect(() => { run(""); }, [deactivated.value, wanted.value]);
  const search = (/** @type {Event} */ event) => {
    event.preventDefault();
    const part = typed.peek().trim();
    tooShort.value = part !== "" && [...part].length < shortest;
    if (tooShort.peek() || part === wanted.peek()) return;
    members.value = null;
    next.value = "";
    wanted.value = part;
  };

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
    ${may("stytch.member:search") && html`
      <form class="filters" role="search" aria-label=${t.search} onSubmit=${search} novalidate>
        <${Field} type="search" label=${t.address} value=${typed.value} maxlength="254" spellcheck=${false} autocapitalize="none"
          error=${tooShort.value && t.tooShort} onValue=${(/** @type {string} */ value) => { typed.value = value; }} />
        <${Button} submit>${t.find}<//>
      </form>`}
    ${members.value && html`
      ${may("stytch.member:search") && html`
        <fieldset class="switch"><legend class="visually-hidden">${t.which}</legend>
          ${[false, true].map((choice) => html`
            <label><input type="radio" name="which" checked=${deactivated.value === choice}
              onChange=${() => { members.value = null; deactivated.value = choice; }} /><span>${choice ? t.deactivated : t.current}</span></label>`)}
        </fieldset>`}
      ${members.value.length === 0 && html`<p class="none">${wanted.value ? t.noneFound(wanted.value) : t.noneDeactivated}</p>`}
      ${members.value.length > 0 && html`
        <div class="card"><ul class="rows" aria-label=${text.titles.members}>
          ${members.value.map((member) => html`<${MemberRow} key=${member.memberId} member=${member} onChanged=${changed} />`)}
        </ul></div>`}`}
    ${next.value && html`<p class="more"><${Button} busy=${busy.value} onClick=${() => run(next.peek())}>${t.more}<//></p>`}`;
}
