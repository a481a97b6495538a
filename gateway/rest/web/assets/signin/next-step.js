// What an organization asks for beyond a proven e-mail address, and how to go on.

import { useAction } from "../core/action.js";
import { call } from "../core/api.js";
import { html } from "../core/html.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { Away, Google, ssoAddress } from "./start.js";
import { texts } from "./strings.js";

/** @typedef {import("../core/api.js").Organization} Organization */

/**
 * The organization takes other ways of signing in: one step for each that can be taken here.
 * @param {{level: string, back: string, methods: string[], organization?: Organization,
 *   email: import("../vendor/signals.js").Signal<string>, onSent: () => void, onBack: () => void}} props
 */
export function Again({ level, back, methods, organization, email, onSent, onBack }) {
  const id = organization?.organizationId;
  const { busy, failure, run } = useAction(async () => {
    await call("POST", "session:sendEmailCode", { body: { emailAddress: email.peek() } });
    onSent();
  });
  const has = (/** @type {string} */ method) => methods.includes(method);
  const known = ["sso", "google_oauth", "email_otp"];
  const others = methods.filter((method) => !known.includes(method));
  return html`
    <${level} tabindex="-1">${texts.again.title(organization?.displayName ?? "")}<//>
    <p>${texts.again.why}</p>
    <div class="stack">
      ${has("sso") && organization && html`
        <${Away} kind="primary" href=${ssoAddress(organization.slug, back)} organizationId=${id}>${texts.again.sso(organization.displayName)}<//>`}
      ${has("google_oauth") && html`<${Google} back=${back} organizationId=${id} />`}
      ${has("email_otp") && html`<${Button} busy=${busy.value} onClick=${run}>${texts.again.code}<//>`}
    </div>
    ${others.length > 0 && html`<p class="quiet">${texts.again.others(others)}</p>`}
    <${Problem} failure=${failure.value} />
    <p><${Button} kind="quiet" onClick=${onBack}>${texts.again.back}<//></p>`;
}
