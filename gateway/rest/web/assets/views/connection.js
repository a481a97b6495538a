// Configuring one single sign-on connection: what the identity provider has to be told, and what it tells in return.

import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { segment } from "../core/api.js";
import { whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Copy } from "../ui/copy.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { texts } from "./strings.js";

const t = texts.sso;

/** @typedef {import("./connections.js").Connection} Connection */

/** Settings of each protocol: what to give to the provider, and what it gives. */
const settings = {
  oidc: { give: ["redirectUrl"], take: ["issuer", "clientId", "clientSecret"] },
  saml: { give: ["acsUrl", "audienceUri"], take: ["metadataUrl", "emailAttribute", "fullNameAttribute"] },
};

/** @param {{connection: Connection, onChanged: (fresh: Connection) => void}} props */
export function Configure({ connection, onChanged }) {
  const protocol = connection.oidc ? "oidc" : connection.saml ? "saml" : undefined;
  const values = useSignal(/** @type {Record<string, string>} */ ({}));
  const denied = whyNot("stytch.sso:update");
  const { busy, failure, run } = useAction(async () => {
    const changed = Object.fromEntries(Object.entries(values.peek()).filter(([, value]) => value.trim()));
    const mask = Object.keys(changed).map((field) => `${protocol}.${field}`);
    if (mask.length > 0) {
      const body = { etag: connection.etag, [/** @type {string} */ (protocol)]: changed };
      onChanged(await ask("PATCH", `ssoConnections/${segment(connection.id)}?updateMask=${mask}`, { body }));
      values.value = {};
    }
    say(text.saved);
  });
  if (!protocol) return html`<p class="quiet">${t.external}</p>`;
  const known = connection[protocol] ?? {};
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!denied) run();
  };
  return html`
    <form class="settings configure" onSubmit=${save} novalidate>
      <h4>${t.give}</h4>
      ${settings[protocol].give.map((field) => html`
        <div><p class="label">${t.fields[field]}</p><${Copy} value=${known[field] ?? ""} label=${t.copy(t.fields[field])} /></div>`)}
      <h4>${t.take}</h4>
      ${denied && html`<p class="hint">${denied}</p>`}
      ${settings[protocol].take.map((field) => html`
        <${Field} label=${t.fields[field]} hint=${field === "clientSecret" && known.hasClientSecret ? t.secretKept : t.hints[field]}
          value=${values.value[field] ?? known[field] ?? ""} readonly=${Boolean(denied)} spellcheck=${false}
          type=${field === "clientSecret" ? "password" : "text"}
          onValue=${(/** @type {string} */ typed) => { values.value = { ...values.peek(), [field]: typed }; }} />`)}
      ${connection.warning && html`<p class="notice bad">${connection.warning}</p>`}
      <${Problem} failure=${failure.value} />
      <p><${Button} kind="primary" submit busy=${busy.value} why=${denied}>${text.save}<//></p>
    </form>`;
}
