// A member in the list, and what can be done about it.

import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { segment } from "../core/api.js";
import { may, policyRoles, roleName, whyNot } from "../core/administration.js";
import { initials } from "../core/format.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Confirm, Dialog } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { Lazy } from "../ui/lazy.js";
import { Problem } from "../ui/problem.js";
import { RoleChoice } from "./roles.js";
import { texts } from "./strings.js";

const t = texts.members;

const sessions = () => import("./sessions.js");

/** @typedef {import("./members.js").Account} Account */
/** @typedef {{member: Account, onChanged: (fresh: Account) => void}} Props */

/** @param {Account} member */
const called = (member) => member.displayName || member.emailAddress || t.unnamed;

/** @param {Props} props */
export function MemberRow({ member, onChanged }) {
  const doing = useSignal("");
  const name = called(member);
  const own = member.memberId === session.value?.principal.memberId;
  const removed = member.status === "MEMBER_STATUS_DELETED";
  const invited = member.status === "MEMBER_STATUS_INVITED" || member.status === "MEMBER_STATUS_PENDING";
  const resend = useAction(async () => {
    await ask("POST", `members/${segment(member.memberId)}:resendInvitation`, { body: {} });
    say(t.resent(name));
  });
  const back = useAction(async () => {
    onChanged(await ask("POST", `members/${segment(member.memberId)}:reactivate`, { body: { etag: member.etag } }));
    say(t.reactivated(name));
  });
  const close = () => { doing.value = ""; };
  const mayEdit = may("stytch.member:update.settings.roles") || may("stytch.member:update.info.name") ||
    (own && may("stytch.self:update.info.name"));
  const maySessions = may("stytch.member:revoke-sessions") || (own && may("stytch.self:revoke-sessions"));
  return html`
    <li class="row">
      <span class="avatar" aria-hidden="true">${initials(name)}</span>
      <div class="person">
        <h2>${name}${own && html` <span class="tag">${t.you}</span>`}</h2>
        ${member.emailAddress && member.displayName && html`<p>${member.emailAddress}</p>`}
      </div>
      <div class="roles">
        <span>${rolesOf(member)}</span>${t.status(member.status) && html`<span class="tag">${t.status(member.status)}</span>`}
        ${invited && html`<${Button} kind="quiet" busy=${resend.busy.value} why=${whyNot("stytch.member:create")}
          label=${t.resendTo(name)} onClick=${resend.run}>${t.resend}<//>`}
      </div>
      <div class="tools">
        ${removed
          ? html`<${Button} kind="quiet" busy=${back.busy.value} why=${whyNot("stytch.member:create")} label=${t.reactivateNamed(name)}
              onClick=${back.run}>${t.reactivate}<//>`
          : html`
            <${Button} kind="quiet" icon="edit" label=${t.edit(name)} why=${mayEdit ? "" : whyNot("stytch.member:update.settings.roles")}
              onClick=${() => { doing.value = "edit"; }} />
            ${!invited && html`
              <${Button} kind="quiet" icon="out" label=${t.sessionsOf(name)} why=${maySessions ? "" : whyNot("stytch.member:revoke-sessions")}
                onClick=${() => { doing.value = "sessions"; }} />`}
            <${Button} kind="quiet" icon="bin" label=${t.deactivateNamed(name)} why=${own ? t.notOneself : whyNot("stytch.member:delete")}
              onClick=${() => { doing.value = "deactivate"; }} />`}
      </div>
      <${Problem} failure=${resend.failure.value ?? back.failure.value} />
      ${doing.value === "edit" && html`<${Edit} member=${member} onChanged=${onChanged} onClose=${close} />`}
      ${doing.value === "sessions" && html`<${Lazy} load=${sessions} memberId=${member.memberId} name=${name} own=${own} onClose=${close} />`}
      ${doing.value === "deactivate" && html`<${Deactivate} member=${member} onChanged=${onChanged} onClose=${close} />`}
    </li>`;
}

/** The roles that count, in words: the one that everybody has only where there is no other. @param {Account} member */
function rolesOf(member) {
  if (!member.effectiveRoles) return "";
  const implicit = policyRoles.value.filter((r) => r.implicit).map((r) => r.roleId);
  const ids = member.effectiveRoles.map((r) => r.roleId);
  const more = ids.filter((id) => !implicit.includes(id));
  return (more.length > 0 ? more : ids).map(roleName).join(", ");
}

/** @param {Props & {onClose: () => void}} props */
function Edit({ member, onChanged, onClose }) {
  const own = member.memberId === session.value?.principal.memberId;
  const name = useSignal(member.displayName);
  const roles = useSignal(member.roles ?? []);
  const deniedName = may("stytch.member:update.info.name") || (own && may("stytch.self:update.info.name")) ? "" : whyNot("stytch.member:update.info.name");
  const deniedRoles = own ? t.ownRoles : whyNot("stytch.member:update.settings.roles");
  const { busy, failure, run } = useAction(async () => {
    /** @type {Record<string, unknown>} */
    const change = { etag: member.etag };
    const mask = [];
    if (name.peek().trim() !== member.displayName) {
      change.displayName = name.peek().trim();
      mask.push("displayName");
    }
    if (String(roles.peek().toSorted()) !== String((member.roles ?? []).toSorted())) {
      change.roles = roles.peek();
      mask.push("roles");
    }
    if (mask.length > 0) onChanged(await ask("PATCH", `members/${segment(member.memberId)}?updateMask=${mask}`, { body: change }));
    say(text.saved);
    onClose();
  });
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    run();
  };
  const elsewhere = (member.effectiveRoles ?? []).flatMap((r) =>
    r.sources.filter((s) => !["KIND_IMPLICIT", "KIND_DIRECT"].includes(s.kind)).map((s) => t.source(roleName(r.roleId), s.kind, s.detail)));
  return html`
    <${Dialog} title=${t.edit(called(member))} onClose=${onClose}>
      <form onSubmit=${save} novalidate>
        <${Field} label=${t.name} value=${name.value} maxlength="128" readonly=${Boolean(deniedName)} hint=${deniedName}
          onValue=${(/** @type {string} */ typed) => { name.value = typed; }} />
        <${RoleChoice} chosen=${roles} denied=${deniedRoles} />
        ${elsewhere.length > 0 && html`<p class="quiet">${elsewhere.join(" ")}</p>`}
        <${Problem} failure=${failure.value} />
        <p class="actions"><${Button} onClick=${onClose}>${text.cancel}<//><${Button} kind="primary" submit busy=${busy.value}>${text.save}<//></p>
      </form>
    <//>`;
}

/** @param {Props & {onClose: () => void}} props */
function Deactivate({ member, onChanged, onClose }) {
  const { busy, failure, run } = useAction(async () => {
    const path = `members/${segment(member.memberId)}:deactivate`;
    const fresh = await ask("POST", path, { body: { etag: member.etag } });
    say(t.gone(called(member)));
    onChanged(fresh);
  });
  return html`
    <${Confirm} title=${t.ask(called(member))} yes=${t.deactivate} no=${text.keep} busy=${busy.value} onYes=${run} onNo=${onClose}>
      <p>${t.warning}</p><${Problem} failure=${failure.value} />
    <//>`;
}
