// The third step: into which organization.

import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { call } from "../core/api.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { texts } from "./strings.js";

/** @typedef {import("../core/api.js").Organization} Organization */

/**
 * @param {{organizations: Organization[], current?: string, onEnter: (organization: Organization) => Promise<void>}} props
 */
export function Organizations({ organizations, current, onEnter }) {
  const { busy, failure, run } = useAction(onEnter);
  return html`
    <ul class="choices">${organizations.map((o) => html`
      <li key=${o.organizationId}>
        <div><strong>${o.displayName}</strong>
          <span class="quiet">${o.organizationId === current ? texts.organizations.here : texts.membership(o.membership)}</span></div>
        ${o.organizationId !== current && html`
          <${Button} kind="primary" busy=${busy.value} label=${texts.organizations.enterNamed(o.displayName)} onClick=${() => run(o)}>${texts.organizations.enter}<//>`}
      </li>`)}
    </ul>
    <${Problem} failure=${failure.value} />`;
}

/**
 * @param {{level: string, email: string, organizations: Organization[], onEnter: (organization: Organization) => Promise<void>,
 *   onAnswer: (answer: import("../core/api.js").SignIn) => Promise<void>, onBack: () => void}} props
 */
export function Choose({ level, email, organizations, onEnter, onAnswer, onBack }) {
  const name = useSignal("");
  const error = useSignal("");
  const { busy, failure, run } = useAction(async () => {
    await onAnswer(await call("POST", "session:createOrganization", { body: { displayName: name.peek().trim() } }));
  });
  const create = (/** @type {Event} */ event) => {
    event.preventDefault();
    error.value = name.peek().trim() ? "" : text.empty;
    if (!error.peek()) run();
  };
  return html`
    <${level} tabindex="-1">${texts.organizations.choose}<//>
    <p class="quiet">${texts.signIn.as(email)}</p>
    ${organizations.length === 0
      ? html`<p>${texts.organizations.none}</p>`
      : html`<${Organizations} organizations=${organizations} onEnter=${onEnter} />`}
    <form class="apart" onSubmit=${create} novalidate>
      <${Field} label=${texts.organizations.create} hint=${texts.organizations.createHint} maxlength="128" value=${name.value}
        error=${error.value} onValue=${(/** @type {string} */ typed) => { name.value = typed; error.value = ""; }} />
      <p><${Button} submit busy=${busy.value} kind=${organizations.length === 0 ? "primary" : "plain"}>${texts.organizations.createNow}<//></p>
      <${Problem} failure=${failure.value} />
    </form>
    <p><${Button} kind="quiet" onClick=${onBack}>${texts.signIn.somebodyElse}<//></p>`;
}
