// The organization's single sign-on connections.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { segment } from "../core/api.js";
import { may, whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Copy } from "../ui/copy.js";
import { Confirm, Dialog } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { Configure } from "./connection.js";
import { texts } from "./strings.js";

const t = texts.sso;

/**
 * @typedef {{id: string, kind: string, displayName: string, status: string, identityProvider: string, warning?: string, etag: string,
 *   saml?: Record<string, any>, oidc?: Record<string, any>}} Connection
 */

/** @param {{all: import("../vendor/signals.js").Signal<Connection[]|null>}} props all: the connections, which this part of the page finds out */
export function Connections({ all }) {
  const creating = useSignal(false);
  const opened = useSignal("");
  const denied = whyNot("stytch.sso:get");
  const { failure, run } = useAction(async () => { all.value = (await ask("GET", "ssoConnections")).ssoConnections; });
  useEffect(() => {
    if (may("stytch.sso:get")) run();
  }, []);
  return html`
    <section class="card" aria-labelledby="sso">
      <header><h2 id="sso">${t.title}</h2>
        <${Button} icon="plus" why=${whyNot("stytch.sso:create")} onClick=${() => { creating.value = true; }}>${t.add}<//></header>
      <p class="quiet">${t.lead}</p>
      ${denied && html`<p class="none">${denied}</p>`}
      <${Problem} failure=${failure.value} onRetry=${run} />
      ${all.value?.length === 0 && html`<p class="none">${t.none}</p>`}
      <ul class="rows">${all.value?.map((connection) => html`
        <${Row} key=${connection.id} connection=${connection} open=${opened.value === connection.id} onGone=${run}
          onOpen=${(/** @type {boolean} */ open) => { opened.value = open ? connection.id : ""; }}
          onChanged=${(/** @type {Connection} */ fresh) => { all.value = (all.peek() ?? []).map((c) => (c.id === fresh.id ? fresh : c)); }} />`)}
      </ul>
      ${creating.value && html`<${Create} onClose=${() => { creating.value = false; }} onMade=${async (/** @type {Connection} */ made) => {
        creating.value = false;
        await run();
        opened.value = made.id;
      }} />`}
    </section>`;
}

/**
 * @param {{connection: Connection, open: boolean, onOpen: (open: boolean) => void, onGone: () => void,
 *   onChanged: (fresh: Connection) => void}} props
 */
function Row({ connection, open, onOpen, onGone, onChanged }) {
  const asking = useSignal(false);
  const name = connection.displayName;
  const remove = useAction(async () => {
    await ask("DELETE", `ssoConnections/${segment(connection.id)}?etag=${segment(connection.etag)}`);
    say(t.deleted);
    onGone();
  });
  return html`
    <li class="row">
      <div class="person"><h3>${name}</h3><p>${t.kind(connection.kind, connection.identityProvider)}</p></div>
      <div class="roles">
        <span class="tag">${connection.status === "SSO_CONNECTION_STATUS_ACTIVE" ? t.active : t.pending}</span>
        <${Button} kind="quiet" aria-expanded=${open} label=${t.configureNamed(name)} onClick=${() => onOpen(!open)}>${t.configure}<//>
      </div>
      <div class="tools">
        <${Button} kind="quiet" icon="bin" label=${t.deleteNamed(name)} why=${whyNot("stytch.sso:delete")} onClick=${() => { asking.value = true; }} />
      </div>
      ${open && html`<${Configure} connection=${connection} onChanged=${onChanged} /><${Trial} connection=${connection} />`}
      ${asking.value && html`
        <${Confirm} title=${t.ask(name)} yes=${t.delete} no=${text.keep} busy=${remove.busy.value} onYes=${remove.run}
          onNo=${() => { asking.value = false; }}><p>${t.warning}</p><${Problem} failure=${remove.failure.value} /><//>`}
    </li>`;
}

/** A link that starts a sign-in through a connection, whichever the organization starts with. @param {{connection: Connection}} props */
function Trial({ connection }) {
  const active = connection.status === "SSO_CONNECTION_STATUS_ACTIVE";
  const query = new URLSearchParams({ organization: session.value?.organizationSlug ?? "", connection: connection.id });
  return html`
    <div class="configure">
      <h4>${t.trial}</h4>
      <p class="hint">${active ? t.trialHint : t.trialPending}</p>
      ${active && html`<${Copy} value=${`${location.origin}/signin/sso?${query}`} label=${t.copyTrial(connection.displayName)} />`}
    </div>`;
}

/** @param {{onClose: () => void, onMade: (made: Connection) => void}} props */
function Create({ onClose, onMade }) {
  const name = useSignal("");
  const kind = useSignal("SSO_CONNECTION_KIND_OIDC");
  const error = useSignal("");
  const { busy, failure, run } = useAction(async () => {
    const made = await ask("POST", "ssoConnections", { body: { displayName: name.peek().trim(), kind: kind.peek() } });
    say(t.made);
    onMade(made);
  });
  const create = (/** @type {Event} */ event) => {
    event.preventDefault();
    error.value = name.peek().trim() ? "" : text.empty;
    if (!error.peek()) run();
  };
  return html`
    <${Dialog} title=${t.addTitle} onClose=${onClose}>
      <form onSubmit=${create} novalidate>
        <${Field} label=${t.name} hint=${t.nameHint} maxlength="128" value=${name.value} error=${error.value}
          onValue=${(/** @type {string} */ typed) => { name.value = typed; error.value = ""; }} />
        <fieldset class="choice"><legend class="label">${t.protocol}</legend>
          ${["OIDC", "SAML"].map((option) => html`
            <label><input type="radio" name="kind" checked=${kind.value === `SSO_CONNECTION_KIND_${option}`}
              onChange=${() => { kind.value = `SSO_CONNECTION_KIND_${option}`; }} /><span>${t.protocols[/** @type {"OIDC"|"SAML"} */ (option)]}</span></label>`)}
        </fieldset>
        <${Problem} failure=${failure.value} />
        <p class="actions"><${Button} onClick=${onClose}>${text.cancel}<//><${Button} kind="primary" submit busy=${busy.value}>${t.create}<//></p>
      </form>
    <//>`;
}
