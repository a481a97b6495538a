// What happened in the organization.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { address, navigate } from "../core/router.js";
import { ask, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Owner } from "../forms/owner.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Select } from "../ui/select.js";
import { Changes } from "./changes.js";
import { t } from "./strings.js";

const words = t.activity;

/** The conditions in the order in which the address has them, and how each is written. */
const conditions = {
  member: /^[\w-]{1,128}$/, through: /^(rest|mcp|grpc|client:.{1,128})$/, kind: /^(objective|key_result)_[a-z_]+$/,
  since: /^\d{4}-\d\d-\d\d$/, until: /^\d{4}-\d\d-\d\d$/,
};

/** @typedef {Record<keyof typeof conditions, string>} Wanted */

/** What the address asks for; what no condition can be is left out. @returns {Wanted} */
function wantedNow() {
  const asked = new URL(address.value, location.origin).searchParams;
  return /** @type {Wanted} */ (Object.fromEntries(Object.entries(conditions).map(([name, form]) => {
    const value = asked.get(name) ?? "";
    return [name, form.test(value) ? value : ""];
  })));
}

/** @param {Partial<Wanted>} part */
function refine(part) {
  const query = new URLSearchParams(Object.entries({ ...wantedNow(), ...part }).filter(([, value]) => value));
  navigate(`${location.pathname}${query.size > 0 ? `?${query}` : ""}`, { replace: true, stay: true });
}

/** A day's first moment, where the reader is. @param {string} day @param {number} [more] days later */
function begins(day, more = 0) {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + more).toISOString();
}

/** @param {Wanted} wanted @returns {Record<string, string>} */
const queryOf = ({ member, through, kind, since, until }) => ({
  ...(member && { memberId: member }),
  ...(through.startsWith("client:") ? { clientId: through.slice("client:".length) } : through && { surface: `SURFACE_${through.toUpperCase()}` }),
  ...(kind && { kinds: `CHANGE_KIND_${kind.toUpperCase()}` }),
  ...(since && { startTime: begins(since) }),
  ...(until && { endTime: begins(until, 1) }),
});

export default function Activity() {
  const wanted = wantedNow();
  const again = useSignal(0);
  const clients = useSignal(/** @type {ReadonlyMap<string, string>} */ (new Map()));
  const meet = (/** @type {[id: string, name: string][]} */ found) => { clients.value = new Map([...clients.peek(), ...found]); };
  useEffect(() => { // one's own applications can be chosen before they have done anything
    ask("GET", "connectedApps").then(({ connectedApps }) => meet(connectedApps.map((/** @type {any} */ app) => [app.clientId, app.name || app.clientId])), () => {});
  }, []);
  const seen = (/** @type {import("../core/api.js").Change[]} */ changes) =>
    meet(changes.flatMap(({ via }) => (via?.clientId ? [[via.clientId, via.clientName || via.clientId]] : [])));
  const query = queryOf(wanted);
  const order = wanted.since && wanted.until && wanted.until < wanted.since;
  return html`
    <div class="view-head">
      <div><p class="kicker">${session.value?.organizationName}</p><h1 tabindex="-1">${text.titles.activity}</h1></div>
      <${Button} onClick=${() => { again.value += 1; }}>${words.again}<//>
    </div>
    <p class="lead">${words.lead}</p>
    <${Conditions} wanted=${wanted} clients=${clients.value} wrong=${order ? words.order : ""} />
    ${!order && html`<div class="card"><${Changes} key=${`${again.value} ${JSON.stringify(query)}`} query=${query} onSeen=${seen}
      none=${Object.values(wanted).some(Boolean) ? t.noneFits : t.none} /></div>`}`;
}

/** @param {{wanted: Wanted, clients: ReadonlyMap<string, string>, wrong: string}} props */
function Conditions({ wanted, clients, wrong }) {
  const set = (/** @type {keyof Wanted} */ name) => (/** @type {string} */ value) => refine({ [name]: value });
  const through = [["", words.anything], ...words.doors, ...[...clients].map(([id, name]) => [`client:${id}`, name])];
  if (!through.some(([value]) => value === wanted.through)) through.push([wanted.through, wanted.through.slice("client:".length)]);
  return html`
    <form class="filters" role="search" aria-label=${words.label} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Owner} label=${words.who} none=${words.anybody} meAs="me" value=${wanted.member} onValue=${set("member")} />
      <${Select} label=${words.through} value=${wanted.through} options=${through} onValue=${set("through")} />
      <${Select} label=${words.kind} value=${wanted.kind} options=${[["", words.anything], ...t.kinds]} onValue=${set("kind")} />
      <${Field} label=${words.first} type="date" value=${wanted.since} onValue=${set("since")} />
      <${Field} label=${words.last} type="date" value=${wanted.until} error=${wrong} onValue=${set("until")} />
      ${Object.values(wanted).some(Boolean) && html`
        <${Button} kind="quiet" onClick=${() => refine({ member: "", through: "", kind: "", since: "", until: "" })}>${words.clear}<//>`}
    </form>`;
}
