// The applications that act for the member.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { segment } from "../core/api.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Confirm } from "../ui/dialog.js";
import { Problem } from "../ui/problem.js";
import { Groups } from "./groups.js";
import { texts } from "./strings.js";

const t = texts.agents;

/** @typedef {{clientId: string, name: string, groups: import("./groups.js").Group[], scopes: string[]}} App */

export default function Agents() {
  const apps = useSignal(/** @type {App[]|null} */ (null));
  const { failure, run } = useAction(async () => { apps.value = (await ask("GET", "connectedApps")).connectedApps; });
  useEffect(() => { run(); }, []);
  return html`
    <div class="view-head"><h1 tabindex="-1">${text.titles.agents}</h1></div>
    <p class="lead">${t.lead}</p>
    <${Problem} failure=${failure.value} onRetry=${run} />
    ${apps.value === null && !failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
    ${apps.value?.length === 0 && html`
      <div class="empty"><h2>${t.none}</h2><p>${t.noneText}</p><a class="button primary" href="/about">${t.how}</a></div>`}
    ${apps.value && apps.value.length > 0 && html`
      <ul class="cards">${apps.value.map((app) => html`<${Agent} key=${app.clientId} app=${app} onGone=${run} />`)}</ul>
      <p class="quiet">${t.claim} <a href="/about">${t.how}</a></p>`}`;
}

/** @param {{app: App, onGone: () => void}} props */
function Agent({ app, onGone }) {
  const asking = useSignal(false);
  const name = app.name || texts.consent.unnamed;
  const { busy, failure, run } = useAction(async () => {
    try {
      await ask("DELETE", `connectedApps/${segment(app.clientId)}`);
    } catch (caught) {
      if (/** @type {import("../core/api.js").Failure} */ (caught).status !== 404) throw caught;
    }
    say(t.revoked);
    onGone();
  });
  const heading = `app-${app.clientId}`;
  return html`
    <li><article class="card" aria-labelledby=${heading}>
      <header><h2 id=${heading}>${text.quoted(name)}</h2>
        <${Button} label=${t.revokeNamed(name)} onClick=${() => { asking.value = true; }}>${t.revoke}<//></header>
      <${Groups} groups=${app.groups} />
      ${asking.value && html`
        <${Confirm} title=${t.ask(name)} yes=${t.revoke} no=${text.keep} busy=${busy.value} onYes=${run}
          onNo=${() => { asking.value = false; }}>
          <p>${t.warning}</p><${Problem} failure=${failure.value} />
        <//>`}
    </article></li>`;
}
