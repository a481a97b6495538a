// How people enter the organization.

import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { may, whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { methodNames } from "../signin/method-strings.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Lazy } from "../ui/lazy.js";
import { Problem } from "../ui/problem.js";
import { admissions, Choice, Several } from "./choice.js";
import { texts } from "./strings.js";

const t = texts.settings;

const apps = () => import("./allowed-apps.js");

/**
 * @typedef {{authMethods: string, allowedAuthMethods: string[], emailAllowedDomains: string[], emailJitProvisioning: string,
 *   emailInvites: string, ssoJitProvisioning: string, ssoJitConnectionIds: string[], defaultSsoConnectionId: string,
 *   mfaPolicy: string, thirdPartyApps: string, allowedThirdPartyClientIds: string[], firstPartyApps: string,
 *   allowedFirstPartyClientIds: string[], etag: string}} Rules
 * @typedef {import("./connections.js").Connection} Connection
 */

/** The ways of signing in that this product offers. */
const offered = ["email_otp", "google_oauth", "sso", "magic_link"];

/** The parts of the settings, each with a permission of its own; whoever has one of them may see the settings. */
const fields = ["allowed-auth-methods", "allowed-domains", "email-jit-provisioning", "email-invites", "sso-jit-provisioning", "default-sso-connection",
  "mfa-policy", "third-party-connected-apps", "first-party-connected-apps"];

const permission = (/** @type {string} */ name) => `stytch.organization:update.settings.${name}`;

/** @param {string} value */
const domains = (value) => value.toLowerCase().split(/[\s,;]+/).filter(Boolean);

/** @param {{connections: Connection[]|null}} props connections: null while they are not known */
export function SignInSettings({ connections }) {
  const known = useSignal(/** @type {Rules|null} */ (null));
  const rules = useSignal(/** @type {Rules|null} */ (null));
  const typed = useSignal("");
  const denied = fields.some((field) => may(permission(field))) ? "" : whyNot(permission(fields[0]));
  const show = (/** @type {Rules} */ found) => {
    known.value = rules.value = found;
    typed.value = found.emailAllowedDomains.join(", ");
  };
  /** What the person has changed and not saved. @returns {Partial<Rules>} */
  const changes = () => {
    const before = known.peek();
    if (!before) return {};
    const wanted = { .../** @type {Rules} */ (rules.peek()), emailAllowedDomains: domains(typed.peek()) };
    const differs = (/** @type {keyof Rules} */ field) => JSON.stringify(wanted[field]) !== JSON.stringify(before[field]);
    return Object.fromEntries(Object.entries(wanted).filter(([field]) => differs(/** @type {keyof Rules} */ (field))));
  };
  /** Finds out what holds now; what the person has changed stays. */
  const load = useAction(async () => {
    const mine = changes();
    const words = typed.peek();
    show(await ask("GET", "organization/signInSettings"));
    rules.value = { .../** @type {Rules} */ (known.peek()), ...mine };
    if (mine.emailAllowedDomains) typed.value = words;
  });
  const { busy, failure, run } = useAction(async () => {
    const mine = changes();
    const mask = Object.keys(mine);
    if (mask.length > 0) {
      const body = { ...mine, etag: known.peek()?.etag };
      show(await ask("PATCH", `organization/signInSettings?updateMask=${mask}`, { body }));
    }
    say(text.saved);
  });
  useEffect(() => {
    if (!denied) load.run();
  }, []);
  const ids = connections?.map((connection) => connection.id).join(" ");
  const seen = useRef(ids);
  useEffect(() => { // a connection that was deleted is gone from the settings, too
    if (!denied && seen.current !== undefined && seen.current !== ids) load.run();
    seen.current = ids;
  }, [ids]);
  const current = rules.value;
  const change = (/** @type {Partial<Rules>} */ part) => { rules.value = { .../** @type {Rules} */ (rules.peek()), ...part }; };
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    run();
  };
  const stale = failure.value?.reason === "ETAG_MISMATCH";
  const lookAgain = async () => {
    if (await load.run()) failure.value = null;
  };
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
            options=${admissions(t.jitOptions)} onChoose=${(/** @type {string} */ v) => change({ emailJitProvisioning: v })} />
          <${Choice} name="invites" label=${t.invites} value=${current.emailInvites} denied=${whyNot(permission("email-invites"))}
            options=${admissions(t.inviteOptions)} onChoose=${(/** @type {string} */ v) => change({ emailInvites: v })} />
          <${SingleSignOn} rules=${current} change=${change} connections=${connections ?? []} />
          <${SecondFactor} rules=${current} change=${change} />
          <${Lazy} load=${apps} rules=${current} change=${change} />
          <${Problem} failure=${failure.value} onRetry=${stale ? lookAgain : undefined} />
          <p><${Button} kind="primary" submit busy=${busy.value}>${text.save}<//></p>
        </form>`}
    </section>`;
}

/** @param {{rules: Rules, change: (part: Partial<Rules>) => void}} props */
function Methods({ rules, change }) {
  const denied = whyNot(permission("allowed-auth-methods"));
  const known = [...offered, ...rules.allowedAuthMethods.filter((method) => !offered.includes(method))];
  return html`
    <${Choice} name="methods" label=${t.methods} value=${rules.authMethods} denied=${denied} options=${admissions(t.methodOptions)}
      onChoose=${(/** @type {string} */ v) => change({ authMethods: v })}>
      ${rules.authMethods === "ADMISSION_RESTRICTED" && html`
        <${Several} label=${t.methodOptions.RESTRICTED} options=${known.map((method) => [method, methodNames[method] ?? method])}
          chosen=${rules.allowedAuthMethods} denied=${denied} onChoose=${(/** @type {string[]} */ v) => change({ allowedAuthMethods: v })} />`}
    <//>`;
}

/**
 * Whether a second factor is asked for.
 * @param {{rules: Rules, change: (part: Partial<Rules>) => void}} props
 */
const SecondFactor = ({ rules, change }) => html`
  <div>
    <${Choice} name="mfa" label=${t.mfa} value=${rules.mfaPolicy} denied=${whyNot(permission("mfa-policy"))}
      options=${[["MFA_POLICY_OPTIONAL", t.mfaOptional], ["MFA_POLICY_REQUIRED_FOR_ALL", t.mfaRequired]]}
      onChoose=${(/** @type {string} */ v) => change({ mfaPolicy: v })} />
    <p class="hint">${t.mfaHint}</p>
  </div>`;

/**
 * Whom single sign-on makes a member, and where it starts.
 * @param {{rules: Rules, change: (part: Partial<Rules>) => void, connections: Connection[]}} props
 */
function SingleSignOn({ rules, change, connections }) {
  const denied = whyNot(permission("sso-jit-provisioning"));
  const chosen = rules.ssoJitConnectionIds;
  const named = connections.map(({ id, displayName }) => [id, displayName]);
  // Whoever may not see the connections sees at least that there are some.
  const known = [...named, ...chosen.filter((id) => !connections.some((c) => c.id === id)).map((id) => [id, id])];
  const active = connections.filter((connection) => connection.status === "SSO_CONNECTION_STATUS_ACTIVE");
  return html`
    <${Choice} name="sso-jit" label=${t.ssoJit} value=${rules.ssoJitProvisioning} denied=${denied} options=${admissions(t.ssoJitOptions)}
      onChoose=${(/** @type {string} */ v) => change({ ssoJitProvisioning: v })}>
      ${rules.ssoJitProvisioning === "ADMISSION_RESTRICTED" && html`
        <${Several} label=${t.ssoJitOptions.RESTRICTED} options=${known} chosen=${chosen} denied=${denied}
          onChoose=${(/** @type {string[]} */ v) => change({ ssoJitConnectionIds: v })} />
        ${chosen.length === 0 && html`<p class="hint">${known.length > 0 ? t.ssoJitNone : t.ssoJitEmpty}</p>`}`}
    <//>
    ${active.length > 1 && html`
      <${Choice} name="sso-default" label=${t.ssoDefault} value=${rules.defaultSsoConnectionId}
        denied=${whyNot(permission("default-sso-connection"))} options=${active.map(({ id, displayName }) => [id, displayName])}
        onChoose=${(/** @type {string} */ v) => change({ defaultSsoConnectionId: v })} />`}`;
}
