// The objectives of the organization: the first view.

import { useSignal } from "../vendor/signals.js";
import { useEffect } from "../vendor/preact-hooks.js";
import { draftOf, openForm } from "../core/drafts.js";
import { html } from "../core/html.js";
import { connection } from "../core/live.js";
import { findPeople } from "../core/people.js";
import { ended, identity, session, why } from "../core/session.js";
import { text } from "../core/strings.js";
import { percent } from "../core/values.js";
import { Button } from "../ui/button.js";
import { Lazy, useGradual } from "../ui/lazy.js";
import { Problem } from "../ui/problem.js";
import { asTree, filter, filtered, strictness } from "./filter.js";
import { unwatch, want, watch } from "./follow.js";
import { Objective } from "./objective.js";
import { parts, preloadParts } from "./parts.js";
import { StandIn } from "./stand-in.js";
import { loading, objectiveOf, parented, pending, problem, reset, shown, summary } from "./store.js";
import { words } from "./strings.js";

const composer = "new-objective";
export const pageSize = 50; // cards shown at first, and more at each step

export default function Objectives() {
  const count = useSignal(pageSize);
  const filtering = useSignal(filtered(filter.peek()));
  const over = ended.value;
  const who = identity.value;
  const wanted = filter.value;
  useEffect(() => {
    if (over) unwatch();
    else {
      watch(filter.peek());
      findPeople();
    }
    return unwatch;
  }, [over, who]);
  useEffect(() => reset, [who]);
  useEffect(preloadParts, []);
  useEffect(() => want(wanted), [wanted]);
  useEffect(() => {
    const all = () => { count.value = Infinity; };
    addEventListener("beforeprint", all);
    return () => removeEventListener("beforeprint", all);
  }, []);

  const ids = shown.value;
  const failed = problem.value && (ids === null || problem.value.status === 403 || connection.value === "live");
  const waiting = !failed && (ids === null || (ids.length === 0 && pending.value));
  const some = (ids ?? []).slice(0, count.value);
  const there = useGradual(some, rowsOf, count.value === Infinity);
  const empty = !waiting && ids?.length === 0 && !draftOf(composer).value;
  const tree = asTree.value;
  const more = () => { count.value += pageSize; };
  return html`
    <div class="view-head">
      <div>
        <p class="kicker">${session.value?.organizationName}</p>
        <h1 tabindex="-1">${text.titles.objectives}</h1>
        ${waiting ? html`<p class="summary">\u00a0</p>` : there.length > 0 && html`<${Summary} />`}
      </div>
      <div class="actions">
        <${Button} id="filter" icon="filter" aria-expanded=${filtering.value} onClick=${() => { filtering.value = !filtering.value; }}>${words.filter.open(strictness(wanted))}<//>
        <${Button} id="new" kind="primary" icon="plus" why=${why("CREATE", "objective")} onClick=${open}>${words.objectives.new}<//>
      </div>
    </div>
    ${filtering.value && html`<${Lazy} key="filters" load=${parts.filters} showAll=${() => { count.value = Infinity; }} />`}
    ${failed && html`<${Problem} failure=${problem.value} onRetry=${() => watch(filter.peek())} />`}
    ${draftOf(composer).value && html`<${New} />`}
    ${waiting && html`<${Skeleton} />`}
    ${empty && html`<${Lazy} key="empty" load=${parts.empty} filtered=${filtered(wanted)} />`}
    ${ids && (tree || parented.value) && html`<div class="views"><${Lazy} load=${parts.views} meanwhile="" /></div>`}
    ${ids && ids.length > 0 && (tree
      ? html`<${Lazy} key="tree" load=${parts.tree} count=${count.value} onMore=${more} meanwhile=${html`<${Skeleton} />`} />`
      : html`<ul class="cards" data-whole=${there.length === some.length}>${there.map((id) => html`<${Objective} key=${id} id=${id} />`)}</ul>
        <${More} rest=${ids.length - count.value} onMore=${more} />`)}`;
}

/** @param {{rest: number, onMore: () => void}} props */
export const More = ({ rest, onMore }) => rest > 0 && html`
  <p class="more"><${Button} onClick=${onMore}>${words.objectives.more(Math.min(pageSize, rest), rest)}<//></p>`;

/** @param {string} id */
const rowsOf = (id) => 2 + objectiveOf(id).peek().keyResults.length;

function open() {
  openForm(composer, { value: "" });
  document.getElementById(composer)?.querySelector("textarea")?.focus(); // if it was open
}

function Summary() {
  const { objectives, keyResults, progress } = summary.value;
  return html`<p class="summary">${words.objectives.count(objectives, keyResults)}
    ${progress !== undefined && html` · ${words.objectives.average(percent(progress))}`}</p>`;
}

function New() {
  return html`
    <div class="card">
      <${Lazy} load=${parts.composer} name=${composer} resource="objective" denied=${why("CREATE", "objective")}
        meanwhile=${html`<${StandIn} draft=${composer} />`}
        onClose=${() => document.querySelector("h1")?.focus()} />
    </div>`;
}

/** The shape of what is coming, so that nothing moves when it comes. */
function Skeleton() {
  return html`
    <div role="status" class="skeleton">
      <span class="visually-hidden">${words.objectives.loading(loading.value)}</span>
      ${[1, 2].map(() => html`<div class="card"><i class="wide"></i><i class="bar"></i><i></i><i></i></div>`)}
    </div>`;
}
