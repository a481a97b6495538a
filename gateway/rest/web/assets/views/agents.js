// The applications that act for the member and for the others, and what they did.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { segment } from "../core/api.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { me } from "../core/people.js";
import { ask } from "../core/session.js";
import { styled } from "../core/style.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Confirm } from "../ui/dialog.js";
import { Lazy } from "../ui/lazy.js";
import { Problem } from "../ui/problem.js";
import { Activity, activityAddress } from "./agent-activity.js";
import { Rules } from "./agent-rules.js";
import { Groups } from "./groups.js";
import { texts } from "./strings.js";

const t = texts.agents;

const undoing = () => styled(import("./undo-client.js"), "forms.css");

/**
 * @typedef {{clientId: string, name: string, groups: import("./groups.js").Group[], scopes: string[]}} App
 * @typedef {import("./agent-activity.js").Sum} Sum
 */

/** All entries of what clients did. @returns {Promise<Sum[]>} */
async function loadSums() {
  const found = [];
  for (let token; token !== "";) {
    const page = await ask("GET", `clientActivity?pageSize=200${token ? `&pageToken=${encodeURIComponent(token)}` : ""}`);
    found.push(...page.activities);
    token = page.nextPageToken;
  }
  return found;
}

export default function Agents() {
  const apps = useSignal(/** @type {App[]|null} */ (null));
  const sums = useSignal(/** @type {Sum[]} */ ([]));
  const { failure, run } = useAction(async () => {
    const [{ connectedApps }, found] = await Promise.all([ask("GET", "connectedApps"), loadSums()]);
    sums.value = found;
    apps.value = connectedApps;
  });
  useEffect(() => { run(); }, []);
  const known = apps.value;
  const mine = sums.value.filter((sum) => sum.member?.memberId === me());
  const past = mine.filter((sum) => !known?.some((app) => app.clientId === sum.clientId));
  const others = sums.value.filter((sum) => sum.member?.memberId !== me());
  return html`
    <div class="view-head"><h1 tabindex="-1">${text.titles.agents}</h1></div>
    <p class="lead">${t.lead}</p>
    <${Problem} failure=${failure.value} onRetry=${run} />
    ${known === null && !failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
    ${known?.length === 0 && html`
      <div class="empty"><h2>${t.none}</h2><p>${t.noneText}</p><a class="button primary" href="/about">${t.how}</a></div>`}
    ${known && known.length > 0 && html`
      <ul class="cards">${known.map((app) => html`
        <${Agent} key=${app.clientId} app=${app} sum=${mine.find((sum) => sum.clientId === app.clientId)} onChange=${run} />`)}</ul>
      <p class="quiet">${t.claim} <a href="/about">${t.how}</a></p>`}
    ${known && html`
      <${Others} id="past" title=${t.past} lead=${t.pastLead} sums=${past} onChange=${run} />
      <${Others} id="others" title=${t.others} lead=${t.othersLead} sums=${others} named onChange=${run} />
      <${Rules} clients=${named(known, sums.value)} />`}`;
}

/** The clients that are known here, each once, with a name. @param {App[]} apps @param {Sum[]} sums */
function named(apps, sums) {
  const names = new Map(sums.map((sum) => [sum.clientId, sum.clientName]));
  for (const app of apps) names.set(app.clientId, app.name);
  return [...names].map(([id, name]) => ({ id, name: name || id })).sort((a, b) => a.name.localeCompare(b.name));
}

/** @param {{app: App, sum?: Sum, onChange: () => void}} props */
function Agent({ app, sum, onChange }) {
  const asking = useSignal(false);
  const name = app.name || texts.consent.unnamed;
  const { busy, failure, run } = useAction(async () => {
    try {
      await ask("DELETE", `connectedApps/${segment(app.clientId)}`);
    } catch (caught) {
      if (/** @type {import("../core/api.js").Failure} */ (caught).status !== 404) throw caught;
    }
    say(t.revoked);
    onChange();
  });
  const heading = `app-${app.clientId}`;
  return html`
    <li><article class="card" aria-labelledby=${heading}>
      <header><h2 id=${heading}>${text.quoted(name)}</h2>
        <${Button} label=${t.revokeNamed(name)} onClick=${() => { asking.value = true; }}>${t.revoke}<//></header>
      <${Activity} sum=${sum} />
      <${Groups} groups=${app.groups} />
      <${Tools} sum=${sum} name=${name} onChange=${onChange} />
      ${asking.value && html`
        <${Confirm} title=${t.ask(name)} yes=${t.revoke} no=${text.keep} busy=${busy.value} onYes=${run}
          onNo=${() => { asking.value = false; }}>
          <p>${t.warning}</p><${Problem} failure=${failure.value} />
        <//>`}
    </article></li>`;
}

/**
 * Agents that can only be looked at: those of others, and those that are not connected any more.
 * @param {{id: string, title: string, lead: string, sums: Sum[], named?: boolean, onChange: () => void}} props
 */
function Others({ id, title, lead, sums, named, onChange }) {
  return sums.length > 0 && html`
    <section class="card agents" aria-labelledby=${id}>
      <h2 id=${id}>${title}</h2>
      <p class="quiet">${lead}</p>
      <ul class="rows">${sums.map((sum) => html`
        <li class="row" key=${`${sum.member?.memberId} ${sum.clientId}`}>
          <div class="person"><h3>${named ? t.of(sum.clientName || sum.clientId, sum.member?.displayName || t.somebody) : text.quoted(sum.clientName || sum.clientId)}</h3>
            <${Activity} sum=${sum} /></div>
          <${Tools} sum=${sum} name=${sum.clientName || sum.clientId} onChange=${onChange} />
        </li>`)}</ul>
    </section>`;
}

/** What can be done about what an agent did. @param {{sum?: Sum, name: string, onChange: () => void}} props */
function Tools({ sum, name, onChange }) {
  const open = useSignal(false);
  return sum && (sum.objectives || sum.keyResults) && html`
    <p class="tools did">
      <a class="button quiet" href=${activityAddress(sum)} aria-label=${t.seeNamed(name)}>${t.see}</a>
      <${Button} kind="quiet" label=${t.undoNamed(name)} onClick=${() => { open.value = true; }}>${t.undo}<//>
      ${open.value && html`<${Lazy} load=${undoing} sum=${sum} name=${name} onClose=${(/** @type {boolean} */ changed) => {
        open.value = false;
        if (changed) onChange();
      }} />`}
    </p>`;
}
