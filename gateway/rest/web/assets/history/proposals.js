// What was proposed, to be decided on by members who could do it themselves.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { findPeople } from "../core/people.js";
import { address, navigate } from "../core/router.js";
import { ask, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { Select } from "../ui/select.js";
import { Proposal } from "./proposal.js";
import { p } from "./proposal-strings.js";

const pageSize = "30";

export default function Proposals() {
  const again = useSignal(0);
  const all = new URL(address.value, location.origin).searchParams.get("show") === "all";
  return html`
    <div class="view-head">
      <div><p class="kicker">${session.value?.organizationName}</p><h1 tabindex="-1">${text.titles.proposals}</h1></div>
      <${Button} onClick=${() => { again.value += 1; }}>${p.again}<//>
    </div>
    <p class="lead">${p.lead}</p>
    <form class="filters" role="search" aria-label=${p.label} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Select} label=${p.show} value=${all ? "all" : ""} options=${[["", p.open], ["all", p.all]]}
        onValue=${(/** @type {string} */ show) => navigate(`/proposals${show && "?show=all"}`, { replace: true, stay: true })} />
    </form>
    <${List} key=${`${again.value} ${all}`} all=${all} />`;
}

/** @param {{all: boolean}} props */
function List({ all }) {
  const found = useSignal(/** @type {import("../core/api.js").Proposal[]|null} */ (null));
  const next = useSignal("");
  const { busy, failure, run } = useAction(async (/** @type {string} */ token) => {
    const more = [];
    do { // a page that holds nothing need not be the last
      const query = new URLSearchParams({ pageSize, ...(!all && { state: "PROPOSAL_STATE_OPEN" }), ...(token && { pageToken: token }) });
      const page = await ask("GET", `proposals?${query}`);
      more.push(...page.proposals);
      token = page.nextPageToken;
    } while (token && more.length === 0);
    found.value = [...(found.peek() ?? []), ...more];
    next.value = token;
  });
  useEffect(() => {
    run("");
    findPeople();
  }, []);
  // What was decided on stays where it is, with what became of it, until the list is read again.
  const change = (/** @type {import("../core/api.js").Proposal} */ one) => {
    found.value = (found.peek() ?? []).map((other) => (other.id === one.id ? one : other));
  };
  return html`
    ${found.value === null && !failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
    ${found.value?.length === 0 && html`<p class="none">${all ? p.noneAtAll : p.none}</p>`}
    ${found.value && found.value.length > 0 && html`
      <p class="quiet" id="proposal-keys">${p.keys}</p>
      <ul class="cards">${found.value.map((one) => html`<${Proposal} key=${one.id} proposal=${one} onChange=${change} />`)}</ul>`}
    <${Problem} failure=${failure.value} onRetry=${() => run(next.peek())} />
    ${next.value && html`<p class="more"><${Button} busy=${busy.value} onClick=${() => run(next.peek())}>${p.older}<//></p>`}`;
}
