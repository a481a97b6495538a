// The first step: who are you?

import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { call } from "../core/api.js";
import { arrival } from "../core/arrival.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { rememberOrganization } from "./remembered.js";
import { texts } from "./strings.js";

/** @param {string} address */
export const plausible = (address) => /^[^\s@]+@[^\s@]+$/.test(address);

/** @param {string} back */
const googleAddress = (back) => `/signin/google?${new URLSearchParams({ return: back })}`;

/** @param {string} slug @param {string} back */
export const ssoAddress = (slug, back) => `/signin/sso?${new URLSearchParams({ organization: slug, return: back })}`;

/**
 * A link that leaves for another site and comes back.
 * @param {{href: string, organizationId?: string, kind?: string, children?: any}} props
 */
export const Away = ({ href, organizationId, kind = "plain", children }) => html`
  <a class=${`button ${kind}`} href=${href} onClick=${() => organizationId && rememberOrganization(organizationId)}>${children}</a>`;

/** @param {{back: string, organizationId?: string}} props */
export const Google = ({ back, organizationId }) => html`
  <${Away} href=${googleAddress(back)} organizationId=${organizationId}>${texts.signIn.google}<//>`;

/**
 * @param {{level: string, back: string, email: import("../vendor/signals.js").Signal<string>, known: string,
 *   organizationId: string, failure: import("../core/api.js").Failure|null, onSent: () => void}} props
 */
export function Start({ level, back, email, known, organizationId, failure: before, onSent }) {
  const slug = useSignal("");
  const slugError = useSignal("");
  const emailError = useSignal("");
  const { busy, failure, run } = useAction(async () => {
    await call("POST", "session:sendEmailCode", { body: { emailAddress: email.peek().trim() } });
    onSent();
  });
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    emailError.value = plausible(email.peek().trim()) ? "" : texts.signIn.emailWrong;
    if (!emailError.peek()) run();
  };
  const leave = (/** @type {Event} */ event) => {
    event.preventDefault();
    slugError.value = slug.peek().trim() ? "" : texts.signIn.slugMissing;
    if (!slugError.peek()) location.assign(ssoAddress(slug.peek().trim(), back));
  };
  return html`
    <${level} tabindex="-1">${known ? texts.signIn.again : text.titles.signIn}<//>
    ${!known && html`<p>${texts.signIn.product}</p><p class="quiet">${texts.signIn.lead}</p>`}
    <${Problem} failure=${before} />
    <form onSubmit=${send} novalidate>
      <${Field} label=${texts.signIn.email} type="email" autocomplete="email" maxlength="254" value=${email.value}
        error=${emailError.value} onValue=${(/** @type {string} */ typed) => { email.value = typed; emailError.value = ""; }} />
      <p><${Button} kind="primary" submit busy=${busy.value}>${texts.signIn.send}<//></p>
      <${Problem} failure=${failure.value} />
    </form>
    <p class="or"><span>${texts.signIn.or}</span></p>
    <p><${Google} back=${back} organizationId=${organizationId} /></p>
    <details open=${arrival.peek()?.problem === "SSO_NOT_CONFIGURED"}>
      <summary>${texts.signIn.sso}</summary>
      <form onSubmit=${leave} novalidate>
        <${Field} label=${texts.signIn.slug} hint=${texts.signIn.slugHint} value=${slug.value}
          maxlength="128" autocapitalize="none" spellcheck=${false} error=${slugError.value}
          onValue=${(/** @type {string} */ typed) => { slug.value = typed; slugError.value = ""; }} />
        <p><${Button} submit>${texts.signIn.goOn}<//></p>
      </form>
    </details>`;
}
