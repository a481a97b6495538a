// What was proposed, to be decided on by members who could do it themselves.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { segment } from "../core/api.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { findPeople } from "../core/people.js";
import { address, navigate } from "../core/router.js";
import { ask, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { singleKeys } from "../keys/setting.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { Select } from "../ui/select.js";
import { Proposal } from "./proposal.js";
import { listen } from "./proposal-news.js";
import { p } from "./proposal-strings.js";

/** @typedef {import("../core/api.js").Proposal & {targets?: {objectiveId: string, keyResultId: string}[]}} One */

const pageSize = "30";
const open = "PROPOSAL_STATE_OPEN";
const groupTime = 400; // milliseconds in which news are looked for together

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
  const found = useSignal(/** @type {One[]|null} */ (null));
  const next = useSignal("");
  /** Reads on until there is enough. @param {string} token @param {(more: One[]) => boolean} enough */
  const read = async (token, enough) => {
    const more = /** @type {One[]} */ ([]);
    do { // a page that holds nothing need not be the last
      const query = new URLSearchParams({ pageSize, ...(!all && { state: open }), ...(token && { pageToken: token }) });
      const page = await ask("GET", `proposals?${query}`);
      more.push(...page.proposals);
      token = page.nextPageToken;
    } while (token && !enough(more));
    return { more, token };
  };
  const { busy, failure, run } = useAction(async (/** @type {string} */ from) => {
    const { more, token } = await read(from, (some) => some.length > 0);
    found.value = [...(found.peek() ?? []), ...more];
    next.value = token;
  });
  // What others propose is added, and what they decide on stays with what became of it.
  const refresh = async () => {
    const known = found.peek() ?? [];
    const oldest = known.at(-1)?.id ?? "";
    const { more } = await read("", (some) => (some.at(-1)?.id ?? "") < oldest); // ids sort by the time of creation
    const fresh = new Map(more.filter((one) => one.id >= oldest || !next.peek()).map((one) => [one.id, one]));
    await Promise.allSettled(known.filter((one) => one.state === open && !fresh.has(one.id)).map(async ({ id }) => {
      fresh.set(id, await ask("GET", `proposals/${segment(id)}`));
    }));
    const before = found.peek() ?? [];
    const added = [...fresh.values()].filter((one) => !before.some(({ id }) => id === one.id));
    found.value = [...added, ...before.map((one) => fresh.get(one.id) ?? one)].sort((a, b) => (a.id < b.id ? 1 : -1));
    const waiting = added.filter((one) => one.state === open).length;
    if (waiting > 0) say(p.news(waiting));
  };
  useEffect(() => {
    let timer = 0;
    const soon = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (found.peek()) refresh().catch(() => {}); // what fails now is looked for with the next news
        else soon();
      }, groupTime);
    };
    run("");
    findPeople();
    const stop = listen(soon, ({ before, after }) => {
      const item = after?.objective ?? after?.keyResult ?? before?.objective ?? before?.keyResult;
      const about = (/** @type {One} */ one) => one.state === open &&
        one.targets?.some(({ objectiveId, keyResultId }) => item?.id === objectiveId || item?.id === keyResultId);
      if (found.peek()?.some(about)) soon(); // it may supersede one
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, []);
  // What was decided on stays where it is, with what became of it, until the list is read again.
  const change = (/** @type {One} */ one) => {
    found.value = (found.peek() ?? []).map((other) => (other.id === one.id ? one : other));
  };
  return html`
    ${found.value === null && !failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
    ${found.value?.length === 0 && html`<p class="none">${all ? p.noneAtAll : p.none}</p>`}
    ${found.value && found.value.length > 0 && html`
      <p class="quiet" id="proposal-keys">${singleKeys.value ? p.keys : p.arrows}</p>
      <ul class="cards">${found.value.map((one) => html`<${Proposal} key=${one.id} proposal=${one} onChange=${change} />`)}</ul>`}
    <${Problem} failure=${failure.value} onRetry=${() => run(next.peek())} />
    ${next.value && html`<p class="more"><${Button} busy=${busy.value} onClick=${() => run(next.peek())}>${p.older}<//></p>`}`;
}
