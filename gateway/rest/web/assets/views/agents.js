// The applications that act for the member and for the others, and what they did.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { loadAccess, may, whyNot } from "../core/administration.js";
import { segment } from "../core/api.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { findPeople, me, personName } from "../core/people.js";
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
 * @typedef {{memberId: string, clientId: string, name: string, member: string, sum?: Sum, app?: App}} Other
 * An agent of somebody else, or one that is not connected any more. app is known to those who administer agents alone.
 */

const listing = "stytch.organization:get.connected-apps";
const disconnecting = "stytch.member:revoke.connected-app";

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

/** Whose agents are connected, for those who may know; null for others. @returns {Promise<{memberId: string, connectedApp: App}[]|null>} */
async function loadConnected() {
  await Promise.all([loadAccess(), findPeople()]);
  return may(listing) ? (await ask("GET", "organization/connectedApps")).memberConnectedApps : null;
}

/**
 * The agents of others, with what is known of each.
 * @param {Sum[]} sums @param {{memberId: string, connectedApp: App}[]} connected
 */
function agentsOfOthers(sums, connected) {
  const found = new Map();
  for (const { memberId, connectedApp: app } of connected) {
    found.set(`${memberId} ${app.clientId}`, { memberId, clientId: app.clientId, name: app.name, member: personName(memberId), app });
  }
  for (const sum of sums) {
    const memberId = sum.member?.memberId ?? "";
    const key = `${memberId} ${sum.clientId}`;
    found.set(key, { memberId, clientId: sum.clientId, name: sum.clientName, member: sum.member?.displayName ?? "", ...found.get(key), sum });
  }
  return /** @type {Other[]} */ ([...found.values()].filter(({ memberId }) => memberId !== me()));
}

export default function Agents() {
  const apps = useSignal(/** @type {App[]|null} */ (null));
  const sums = useSignal(/** @type {Sum[]} */ ([]));
  const connected = useSignal(/** @type {{memberId: string, connectedApp: App}[]|null} */ (null));
  const { failure, run } = useAction(async () => {
    const [{ connectedApps }, found, all] = await Promise.all([ask("GET", "connectedApps"), loadSums(), loadConnected()]);
    connected.value = all;
    sums.value = found;
    apps.value = connectedApps;
  });
  useEffect(() => {
    const again = () => { run(); };
    again();
    addEventListener("focus", again); // an agent is connected in another tab or program, from which people come back
    return () => removeEventListener("focus", again);
  }, []);
  const known = apps.value;
  const mine = sums.value.filter((sum) => sum.member?.memberId === me());
  const past = mine.filter((sum) => !known?.some((app) => app.clientId === sum.clientId))
    .map((sum) => ({ memberId: me(), clientId: sum.clientId, name: sum.clientName, member: "", sum }));
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
      <${Others} id="past" title=${t.past} lead=${t.pastLead} agents=${past} onChange=${run} />
      <${Others} id="others" title=${t.others} lead=${connected.value ? t.othersConnected : t.othersLead}
        agents=${agentsOfOthers(sums.value, connected.value ?? [])} named administered=${connected.value !== null} onChange=${run} />
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
  const name = app.name || texts.consent.unnamed;
  const heading = `app-${app.clientId}`;
  return html`
    <li><article class="card client" aria-labelledby=${heading}>
      <header><h2 id=${heading}>${text.quoted(name)}</h2>
        <${Disconnect} path=${`connectedApps/${segment(app.clientId)}`} label=${t.revokeNamed(name)} title=${t.ask(name)}
          warning=${t.warning} onChange=${onChange} /></header>
      <${Activity} sum=${sum} />
      <${Groups} groups=${app.groups} />
      <${Tools} sum=${sum} name=${name} onChange=${onChange} />
    </article></li>`;
}

/** @param {{path: string, label: string, title: string, warning: string, why?: string, onChange: () => void}} props */
function Disconnect({ path, label, title, warning, why, onChange }) {
  const asking = useSignal(false);
  const { busy, failure, run } = useAction(async () => {
    try {
      await ask("DELETE", path);
    } catch (caught) {
      if (/** @type {import("../core/api.js").Failure} */ (caught).status !== 404) throw caught;
    }
    say(t.revoked);
    onChange(); // after which there is nothing to disconnect, nor this question
  });
  return html`
    <${Button} label=${label} why=${why} onClick=${() => { asking.value = true; }}>${t.revoke}<//>
    ${asking.value && html`
      <${Confirm} title=${title} yes=${t.revoke} no=${text.keep} busy=${busy.value} onYes=${run}
        onNo=${() => { asking.value = false; }}>
        <p>${warning}</p><${Problem} failure=${failure.value} />
      <//>`}`;
}

/**
 * Agents of others, and those that are not connected any more. Who administers agents knows which are connected.
 * @param {{id: string, title: string, lead: string, agents: Other[], named?: boolean, administered?: boolean,
 *   onChange: () => void}} props
 */
function Others({ id, title, lead, agents, named, administered, onChange }) {
  return agents.length > 0 && html`
    <section class="card agents" aria-labelledby=${id}>
      <h2 id=${id}>${title}</h2>
      <p class="quiet">${lead}</p>
      <ul class="rows">${agents.map((agent) => {
        const name = agent.name || texts.consent.unnamed;
        const whole = named ? t.of(name, agent.member || t.somebody) : text.quoted(name);
        return html`
        <li class="row" key=${`${agent.memberId} ${agent.clientId}`}>
          <div class="person"><h3>${whole}</h3>
            ${agent.sum ? html`<${Activity} sum=${agent.sum} />` : html`<p class="facts"><span>${t.nothing}</span></p>`}
            ${administered && (agent.app
              ? html`<details><summary>${t.mayDo}</summary><${Groups} groups=${agent.app.groups} /></details>`
              : html`<p>${t.gone}</p>`)}</div>
          ${agent.app && html`<div class="tools">
            <${Disconnect} path=${`members/${segment(agent.memberId)}/connectedApps/${segment(agent.clientId)}`}
              label=${t.revokeWhole(whole)} title=${t.askWhole(whole)} warning=${t.warningOf(agent.member || t.somebody)}
              why=${whyNot(disconnecting)} onChange=${onChange} /></div>`}
          <${Tools} sum=${agent.sum} name=${name} onChange=${onChange} />
        </li>`;
      })}</ul>
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
