// The connection by which the identity provider manages the members (SCIM), and its bearer token, which is shown once.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { segment } from "../core/api.js";
import { may, whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { dates } from "../core/locale.js";
import { say } from "../core/live.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Copy } from "../ui/copy.js";
import { Confirm } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { texts } from "./later-strings.js";

const t = texts.scim;

/**
 * @typedef {{id: string, displayName: string, identityProvider: string, baseUrl: string, bearerTokenLastFour: string,
 *   bearerTokenExpireTime?: string, nextBearerTokenLastFour: string, nextBearerTokenExpireTime?: string, bearerToken: string, etag: string}} Connection
 */

const days = dates({ dateStyle: "medium" });

/** @param {string} [time] */
const day = (time) => (time ? days.format(Date.parse(time)) : "");

export default function Scim() {
  const known = useSignal(/** @type {Connection[]|null} */ (null));
  const denied = may("stytch.scim:get") ? "" : whyNot("stytch.scim:get");
  const load = useAction(async () => { known.value = (await ask("GET", "scimConnections")).scimConnections; });
  useEffect(() => {
    if (!denied) load.run();
  }, []);
  const connection = known.value?.[0];
  return html`
    <section class="card" aria-labelledby="scim">
      <h2 id="scim" tabindex="-1">${t.title}</h2>
      <p class="quiet">${t.lead}</p>
      ${denied && html`<p class="none">${denied}</p>`}
      <${Problem} failure=${load.failure.value} onRetry=${load.run} />
      ${known.value && (connection
        ? html`<${Existing} key=${connection.id} connection=${connection} onChanged=${(/** @type {Connection|null} */ fresh) => {
          known.value = fresh ? [fresh] : [];
          if (!fresh) document.getElementById("scim")?.focus(); // what had the focus is gone
        }} />`
        : html`<${Create} onMade=${(/** @type {Connection} */ made) => { known.value = [made]; }} />`)}
    </section>`;
}

/** @param {{onMade: (made: Connection) => void}} props */
function Create({ onMade }) {
  const name = useSignal("");
  const error = useSignal("");
  const denied = whyNot("stytch.scim:create");
  const { busy, failure, run } = useAction(async () => {
    const made = await ask("POST", "scimConnections", { body: { displayName: name.peek().trim() } });
    say(t.made);
    onMade(made);
  });
  const create = (/** @type {Event} */ event) => {
    event.preventDefault();
    error.value = name.peek().trim() ? "" : text.empty;
    if (!error.peek() && !denied) run();
  };
  return html`
    <form class="settings" onSubmit=${create} novalidate>
      <${Field} label=${t.name} hint=${t.nameHint} maxlength="128" value=${name.value} error=${error.value}
        onValue=${(/** @type {string} */ typed) => { name.value = typed; error.value = ""; }} />
      <${Problem} failure=${failure.value} />
      <p><${Button} kind="primary" submit busy=${busy.value} why=${denied}>${t.create}<//></p>
    </form>`;
}

/** @param {{connection: Connection, onChanged: (fresh: Connection|null) => void}} props */
function Existing({ connection, onChanged }) {
  const asking = useSignal(false);
  const path = `scimConnections/${segment(connection.id)}`;
  const denied = whyNot("stytch.scim:update");
  const rotating = connection.nextBearerTokenLastFour !== "";
  const step = useAction(async (/** @type {"start"|"complete"|"cancel"} */ what) => {
    onChanged(await ask("POST", `${path}:${what}TokenRotation`, { body: {} }));
    say(t.done[what]);
  });
  const remove = useAction(async () => {
    await ask("DELETE", `${path}?etag=${segment(connection.etag)}`);
    say(t.deleted);
    onChanged(null);
  });
  return html`
    <div class="settings">
      <h3>${connection.displayName}</h3>
      <div><p class="label">${t.baseUrl}</p><${Copy} value=${connection.baseUrl} label=${t.copyBaseUrl} /></div>
      <div><p class="label">${t.token}</p>
        <p>${t.endsWith(connection.bearerTokenLastFour, day(connection.bearerTokenExpireTime))}</p>
        ${rotating && html`<p>${t.nextEndsWith(connection.nextBearerTokenLastFour, day(connection.nextBearerTokenExpireTime))}</p>`}
      </div>
      ${connection.bearerToken && html`
        <div class="notice"><p><strong>${t.once}</strong> ${rotating ? t.onceNext : t.onceFirst}</p>
          <${Copy} key=${connection.bearerToken} value=${connection.bearerToken} label=${t.copyToken} /></div>`}
      <${Problem} failure=${step.failure.value} />
      <p class="actions">${rotating
        ? html`
          <${Button} kind="primary" why=${denied} busy=${step.busy.value} onClick=${() => step.run("complete")}>${t.complete}<//>
          <${Button} why=${denied} busy=${step.busy.value} onClick=${() => step.run("cancel")}>${t.cancel}<//>`
        : html`<${Button} why=${denied} busy=${step.busy.value} onClick=${() => step.run("start")}>${t.start}<//>`}
        <${Button} kind="quiet" why=${whyNot("stytch.scim:delete")} onClick=${() => { asking.value = true; }}>${t.delete}<//></p>
      ${asking.value && html`
        <${Confirm} title=${t.ask(connection.displayName)} yes=${t.delete} no=${text.keep} busy=${remove.busy.value} onYes=${remove.run}
          onNo=${() => { asking.value = false; }}><p>${t.warning}</p><${Problem} failure=${remove.failure.value} /><//>`}
    </div>`;
}
