// How people enter the organization.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { may, whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { texts } from "./strings.js";

const t = texts.settings;

/**
 * @typedef {{authMethods: string, allowedAuthMethods: string[], emailAllowedDomains: string[], emailJitProvisioning: string,
 *   emailInvites: string, ssoJitProvisioning: string, etag: string}} Rules
 */

/** The ways of signing in that this product offers. */
const offered = ["email_otp", "google_oauth", "sso", "magic_link"];

/** The parts of the settings, each with a permission of its own; whoever has one of them may see the settings. */
const fields = ["allowed-auth-methods", "allowed-domains", "email-jit-provisioning", "email-invites", "sso-jit-provisioning", "default-sso-connection"];

const permission = (/** @type {string} */ name) => `stytch.organization:update.settings.${name}`;

/** @param {string} value */
const domains = (value) => value.toLowerCase().split(/[\s,;]+/).filter(Boolean);

export function SignInSettings() {
  const known = useSignal(/** @type {Rules|null} */ (null));
  const rules = useSignal(/** @type {Rules|null} */ (null));
  const typed = useSignal("");
  const denied = fields.some((field) => may(permission(field))) ? "" : whyNot(permission(fields[0]));
  const show = (/** @type {Rules} */ found) => {
    known.value = rules.value = found;
    typed.value = found.emailAllowedDomains.join(", ");
  };
  const load = useAction(async () => { show(await ask("GET", "organization/signInSettings")); });
  const { busy, failure, run } = useAction(async () => {
    const before = known.peek();
    const after = rules.peek();
    if (!before || !after) return;
    const wanted = { ...after, emailAllowedDomains: domains(typed.peek()) };
    const mask = /** @type {(keyof Rules)[]} */ (Object.keys(wanted)).filter((field) =>
      field !== "etag" && JSON.stringify(wanted[field]) !== JSON.stringify(before[field]));
    if (mask.length > 0) {
      const body = Object.fromEntries([...mask, /** @type {const} */ ("etag")].map((field) => [field, wanted[field]]));
      show(await ask("PATCH", `organization/signInSettings?updateMask=${mask}`, { body }));
    }
    say(text.saved);
  });
  useEffect(() => {
    if (!denied) load.run();
  }, []);
  const current = rules.value;
  const change = (/** @type {Partial<Rules>} */ part) => { rules.value = { .../** @type {Rules} */ (rules.peek()), ...part }; };
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    run();
  };
  const stale = failure.value?.reason === "ETAG_MISMATCH";
  return html`
    <section class="card" aria-labelledby="sign-in">
      <h2 id="sign-in">${t.signIn}</h2>
      <${Problem} failure=${load.failure.value} onRetry=${load.run} />
      ${denied && html`<p class="none">${denied}</p>`}
      ${current && html`
        <form class="settings" onSubmit=${save} novalidate>
          <${Methods} rules=${current} change=${change} />
          <${Field} label=${t.domains} hint=${whyNot(permission("allowed-domains")) || t.domainsHint} value=${typed.value} long spellcheck=${false}
            readonly=${Boolean(whyNot(permission("allowed-domains")))} onValue=${(/** @type {string} */ value) => { typed.value = value; }} />
          <${Choice} name="jit" label=${t.jit} value=${current.emailJitProvisioning} denied=${whyNot(permission("email-jit-provisioning"))}
            options=${["RESTRICTED", "NOT_ALLOWED"]} words=${t.jitOptions} onChoose=${(/** @type {string} */ v) => change({ emailJitProvisioning: v })} />
          <${Choice} name="invites" label=${t.invites} value=${current.emailInvites} denied=${whyNot(permission("email-invites"))}
            options=${["ALL_ALLOWED", "RESTRICTED", "NOT_ALLOWED"]} words=${t.inviteOptions}
            onChoose=${(/** @type {string} */ v) => change({ emailInvites: v })} />
          <${Choice} name="sso-jit" label=${t.ssoJit} value=${current.ssoJitProvisioning} denied=${whyNot(permission("sso-jit-provisioning"))}
            options=${current.ssoJitProvisioning === "ADMISSION_RESTRICTED" ? ["ALL_ALLOWED", "RESTRICTED", "NOT_ALLOWED"] : ["ALL_ALLOWED", "NOT_ALLOWED"]}
            words=${t.ssoJitOptions} onChoose=${(/** @type {string} */ v) => change({ ssoJitProvisioning: v })} />
          <${Problem} failure=${failure.value} onRetry=${stale ? load.run : undefined} />
          <p><${Button} kind="primary" submit busy=${busy.value}>${text.save}<//></p>
        </form>`}
    </section>`;
}

/** @param {{rules: Rules, change: (part: Partial<Rules>) => void}} props */
function Methods({ rules, change }) {
  const denied = whyNot(permission("allowed-auth-methods"));
  const restricted = rules.authMethods === "ADMISSION_RESTRICTED";
  const known = [...offered, ...rules.allowedAuthMethods.filter((method) => !offered.includes(method))];
  const toggle = (/** @type {string} */ method, /** @type {boolean} */ on) => change({
    allowedAuthMethods: on ? [...rules.allowedAuthMethods, method] : rules.allowedAuthMethods.filter((other) => other !== method),
  });
  return html`
    <${Choice} name="methods" label=${t.methods} value=${rules.authMethods} denied=${denied} options=${["ALL_ALLOWED", "RESTRICTED"]}
      words=${t.methodOptions} onChoose=${(/** @type {string} */ v) => change({ authMethods: v })}>
      ${restricted && html`<div class="choice nested">${known.map((method) => html`
        <label><input type="checkbox" checked=${rules.allowedAuthMethods.includes(method)} aria-disabled=${denied ? "true" : null}
          onChange=${(/** @type {Event} */ event) => {
            const box = /** @type {HTMLInputElement} */ (event.currentTarget);
            if (denied) box.checked = !box.checked;
            else toggle(method, box.checked);
          }} /><span>${text.methodNames[method] ?? method}</span></label>`)}</div>`}
    <//>`;
}

/**
 * One of a few.
 * @param {{name: string, label: string, value: string, options: string[], words: Record<string, string>, denied: string,
 *   onChoose: (value: string) => void, children?: any}} props options: names of the enum Admission without their prefix
 */
function Choice({ name, label, value, options, words, denied, onChoose, children }) {
  return html`
    <fieldset class="choice" aria-describedby=${denied ? `${name}-why` : null}>
      <legend class="label">${label}</legend>
      ${denied && html`<p class="hint" id=${`${name}-why`}>${denied}</p>`}
      ${options.map((option) => html`
        <label><input type="radio" name=${name} checked=${value === `ADMISSION_${option}`} aria-disabled=${denied ? "true" : null}
          onClick=${(/** @type {Event} */ event) => denied && event.preventDefault()}
          onChange=${() => onChoose(`ADMISSION_${option}`)} /><span>${words[option]}</span></label>`)}
      ${children}
    </fieldset>`;
}
