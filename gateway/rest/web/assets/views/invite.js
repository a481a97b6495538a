// Inviting somebody.

import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { texts as signing } from "../signin/strings.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { RoleChoice } from "./roles.js";
import { texts } from "./strings.js";

const t = texts.members;

/** @param {{onClose: () => void, onInvited: () => void}} props */
export function Invite({ onClose, onInvited }) {
  const email = useSignal("");
  const name = useSignal("");
  const error = useSignal("");
  const roles = useSignal(/** @type {string[]} */ ([]));
  const { busy, failure, run } = useAction(async () => {
    const body = { emailAddress: email.peek().trim(), displayName: name.peek().trim(), roles: roles.peek() };
    await ask("POST", "members:invite", { body });
    say(t.invited(body.emailAddress));
    onInvited();
    onClose();
  });
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    error.value = /^[^\s@]+@[^\s@]+$/.test(email.peek().trim()) ? "" : signing.signIn.emailWrong;
    if (!error.peek()) run();
  };
  return html`
    <${Dialog} title=${t.inviteTitle} onClose=${onClose}>
      <form onSubmit=${send} novalidate>
        <${Field} label=${signing.signIn.email} type="email" maxlength="254" value=${email.value} error=${error.value}
          onValue=${(/** @type {string} */ typed) => { email.value = typed; error.value = ""; }} />
        <${Field} label=${t.nameOptional} maxlength="128" value=${name.value} onValue=${(/** @type {string} */ typed) => { name.value = typed; }} />
        <${RoleChoice} chosen=${roles} denied=${whyNot("stytch.member:update.settings.roles")} />
        <${Problem} failure=${failure.value} />
        <p class="actions"><${Button} onClick=${onClose}>${text.cancel}<//><${Button} kind="primary" submit busy=${busy.value}>${t.send}<//></p>
      </form>
    <//>`;
}
