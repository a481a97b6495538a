// The authorization endpoint's page (RFC 6749 section 3.1): an application asks, the member decides.
//
// What is shown comes from the server, sealed, and the decision sends the seal back: nothing that this page or another
// script does can change what is granted. The browser goes only where the server says, and only after a decision.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { Failure } from "../core/api.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask, logOut, session } from "../core/session.js";
import { discover, discovered, switchTo } from "../core/organizations.js";
import { text } from "../core/strings.js";
import { navigate, navigations } from "../core/router.js";
import { Organizations } from "../signin/choose.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icons.js";
import { explain, Problem } from "../ui/problem.js";
import { Groups } from "./groups.js";
import { texts } from "./strings.js";

const t = texts.consent;

/**
 * @typedef {{client: {clientId: string, name: string, redirectKind: keyof typeof t.kinds, redirectHost: string},
 *   organizationName: string, accountName: string, accountEmail: string, groups: import("./groups.js").Group[],
 *   scopes: string[], leftOut: {scope: string, text: string}[], consentRequired: boolean, authorization: string,
 *   refusal?: {error: string, description: string, redirectUri: string}}} Request
 */

/** The parameters of an authorization request, and what they are called in the API. */
const parameters = {
  client_id: "clientId", redirect_uri: "redirectUri", response_type: "responseType", scope: "scope", state: "state",
  nonce: "nonce", code_challenge: "codeChallenge", code_challenge_method: "codeChallengeMethod", prompt: "prompt",
};

/**
 * The request that the page was opened with. A parameter that is given twice makes it invalid (RFC 6749 section 3.1).
 * @param {URLSearchParams} query
 */
function requestOf(query) {
  /** @type {Record<string, string|string[]>} */
  const body = { resource: query.getAll("resource") };
  for (const [parameter, field] of Object.entries(parameters)) {
    const values = query.getAll(parameter);
    if (values.length > 1) throw new Failure(400, { reason: "OAUTH_REQUEST_INVALID" });
    if (values.length === 1) body[field] = values[0];
  }
  return body;
}

/**
 * Whether an answer may be sent to an address: none that runs or shows what it holds.
 * @param {string} address
 */
export const followable = (address) =>
  URL.canParse(address) && !/^(javascript|data|blob|file|filesystem|vbscript|about|view-source):$/.test(new URL(address).protocol);

export default function Consent() {
  const request = useSignal(/** @type {Request|null} */ (null));
  const left = useSignal("");
  const start = useAction(async () => {
    request.value = null;
    const found = await ask("POST", "oauth/authorization:start", { body: requestOf(new URLSearchParams(location.search)) });
    if (found.refusal || found.consentRequired) request.value = found;
    else await decide(found, true);
  });
  /** @param {Request} asked @param {boolean} allow */
  const decide = async (asked, allow) => {
    const answer = await ask("POST", "oauth/authorization:decide", { body: { authorization: asked.authorization, allow } });
    leave(answer.redirectUri);
  };
  /** @param {string} address */
  const leave = (address) => {
    left.value = followable(address) ? "followed" : "refused";
    if (left.value === "followed") location.assign(address);
  };
  useEffect(() => { start.run(); }, []);
  const asked = request.value;
  useEffect(() => {
    if (asked && !asked.refusal) say(t.heading(asked.client.name || t.unnamed));
    // What is asked comes after the view; it takes the focus as the view would have.
    if (asked && navigations.peek() > 0 && document.activeElement === document.body) document.querySelector("h1")?.focus();
  }, [asked]);

  if (left.value === "followed") {
    return html`<div class="narrow"><h1 tabindex="-1">${t.deciding}</h1><p role="status">${t.done}</p></div>`;
  }
  if (left.value === "refused") return html`<${Cannot} message=${t.notFollowed} />`;
  if (explain(start.failure.value)) {
    return html`<${Cannot} message=${explain(start.failure.value)}
      onRetry=${/** @type {Failure} */ (start.failure.value).retryable ? start.run : null} />`;
  }
  if (!asked) return html`<div class="narrow"><p role="status" class="quiet">${text.loading}</p></div>`;
  if (asked.refusal) return html`<${Refused} asked=${asked} onBack=${leave} />`;
  return html`<${Question} asked=${asked} onDecide=${decide} onAgain=${start.run} />`;
}

/** Nothing can be answered, and nobody is told: it is not clear who would be. @param {{message: string, onRetry?: (() => void)|null}} props */
const Cannot = ({ message, onRetry }) => html`
  <div class="narrow">
    <h1 tabindex="-1">${t.cannot}</h1>
    <div class="notice bad" role="alert"><${Icon} name="warn" /><p>${message}</p>
      ${onRetry && html`<${Button} onClick=${onRetry}>${text.tryAgain}<//>`}</div>
    <p>${t.cannotText}</p>
  </div>`;

/** @param {{asked: Request, onBack: (address: string) => void}} props */
const Refused = ({ asked, onBack }) => html`
  <div class="narrow">
    <h1 tabindex="-1">${t.refused}</h1>
    <${Who} asked=${asked} />
    <div class="notice bad" role="alert"><${Icon} name="warn" />
      <p>${asked.refusal?.description} <code>${asked.refusal?.error}</code></p></div>
    ${asked.refusal?.redirectUri && html`
      <p>${t.refusedText}</p>
      <p><${Button} onClick=${() => onBack(asked.refusal?.redirectUri ?? "")}>${t.back}<//></p>`}
  </div>`;

/** @param {{asked: Request}} props */
const Who = ({ asked }) => html`
  <div class="asker">
    <p class="quiet">${t.claim}</p>
    <p class="host">${asked.client.redirectHost}</p>
    <p class="quiet">${t.kinds[asked.client.redirectKind]}</p>
  </div>`;

/** @param {{asked: Request, onDecide: (asked: Request, allow: boolean) => Promise<void>, onAgain: () => void}} props */
function Question({ asked, onDecide, onAgain }) {
  const { busy, failure, run } = useAction((/** @type {boolean} */ allow) => onDecide(asked, allow));
  const stale = failure.value?.reason.startsWith("AUTHORIZATION_");
  return html`
    <div class="narrow consent">
      <h1 tabindex="-1">${t.heading(asked.client.name || t.unnamed)}</h1>
      <${Who} asked=${asked} />
      <${Account} asked=${asked} />
      <section aria-labelledby="will">
        <h2 id="will">${t.will}</h2>
        ${asked.groups.length > 0 ? html`<${Groups} groups=${asked.groups} />` : html`<p>${t.nothing}</p>`}
      </section>
      ${asked.leftOut.length > 0 && html`
        <section aria-labelledby="left-out">
          <h2 id="left-out">${t.leftOut}</h2>
          <ul class="left-out">${asked.leftOut.map((scope) => html`
            <li key=${scope.scope}><code>${scope.scope}</code><span>${scope.text}</span></li>`)}</ul>
        </section>`}
      <p class="quiet">${t.bounded}</p>
      <${Problem} failure=${failure.value} onRetry=${stale ? onAgain : undefined} />
      <p class="decision">
        <${Button} busy=${busy.value} onClick=${() => run(false)}>${t.deny}<//>
        <${Button} busy=${busy.value} why=${asked.scopes.length > 0 ? "" : t.nothing} onClick=${() => run(true)}>${t.allow}<//>
      </p>
    </div>`;
}

/** For whom, and how to make it somebody else. @param {{asked: Request}} props */
function Account({ asked }) {
  const other = useAction(async () => {
    await logOut();
    navigate(location.pathname + location.search, { replace: true });
  });
  const current = session.value?.principal.organizationId;
  const others = (discovered.value ?? []).filter((o) => o.organizationId !== current);
  return html`
    <div class="account">
      <dl>
        <dt>${t.organization}</dt><dd>${asked.organizationName}</dd>
        <dt>${t.account}</dt><dd>${asked.accountName} <span class="quiet">${asked.accountEmail}</span></dd>
      </dl>
      <details onToggle=${discover}>
        <summary aria-label=${t.switchLabel}>${t.switchAccount}</summary>
        ${others.length > 0 && html`
          <${Organizations} organizations=${others} onEnter=${async (/** @type {import("../core/api.js").Organization} */ o) => {
            if (await switchTo(o) === "more") navigate("/organizations");
          }} />`}
        <p><${Button} busy=${other.busy.value} onClick=${other.run}>${t.another}<//></p>
        <${Problem} failure=${other.failure.value} />
      </details>
    </div>`;
}
