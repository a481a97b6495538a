// The objectives of the organization: the first view.

import { useSignal } from "../vendor/signals.js";
import { useEffect } from "../vendor/preact-hooks.js";
import { draftOf, openForm, setDraft } from "../core/drafts.js";
import { percent } from "../core/format.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ended, identity, session, why } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { Composer } from "./composer.js";
import { Objective } from "./objective.js";
import { createObjective, loading, order, problem, reset, summary } from "./store.js";
import { unwatch, watch } from "./watch.js";

const composer = "new-objective";
const pageSize = 50; // cards shown at first, and more at each step

export default function Objectives() {
  const shown = useSignal(pageSize);
  const over = ended.value;
  const who = identity.value;
  useEffect(() => {
    if (over) unwatch();
    else watch();
    return unwatch;
  }, [over, who]);
  useEffect(() => reset, [who]);

  const ids = order.value;
  const failed = problem.value && (ids === null || problem.value.status === 403);
  return html`
    <div class="view-head">
      <div>
        <p class="kicker">${session.value?.organizationName}</p>
        <h1 tabindex="-1">${text.titles.objectives}</h1>
        ${ids && ids.length > 0 && html`<${Summary} />`}
      </div>
      <${Button} kind="primary" icon="plus" why=${why("CREATE", "objective")}
        onClick=${open}>${text.objectives.new}<//>
    </div>
    ${failed && html`<${Problem} failure=${problem.value} onRetry=${watch} />`}
    ${draftOf(composer).value && html`<${New} />`}
    ${ids === null && !failed && html`<${Skeleton} />`}
    ${ids?.length === 0 && !draftOf(composer).value && html`<${Empty} />`}
    ${ids && ids.length > 0 && html`
      <ul class="cards">${ids.slice(0, shown.value).map((id) => html`<${Objective} key=${id} id=${id} />`)}</ul>`}
    ${ids && ids.length > shown.value && html`
      <p class="more"><${Button} onClick=${() => { shown.value += pageSize; }}>
        ${text.objectives.more(Math.min(pageSize, ids.length - shown.value), ids.length - shown.value)}<//></p>`}`;
}

function open() {
  openForm(composer, { value: "" });
  document.getElementById(composer)?.querySelector("textarea")?.focus(); // if it was open
}

function Summary() {
  const { objectives, keyResults, progress } = summary.value;
  return html`<p class="summary">${text.objectives.count(objectives, keyResults)}
    ${progress !== undefined && html` · ${text.objectives.average(percent(progress))}`}</p>`;
}

function New() {
  return html`
    <div class="card">
      <${Composer} name=${composer} label=${text.objective.new} hint=${text.objective.hint} submit=${text.objective.add}
        denied=${why("CREATE", "objective")} onClose=${() => document.querySelector("h1")?.focus()}
        onAdd=${async (/** @type {string} */ value) => {
          const made = await createObjective(value, composer);
          setDraft(composer, undefined);
          say(text.objective.added);
          requestAnimationFrame(() => document.getElementById(made.id)?.querySelector("h2")?.focus());
        }} />
    </div>`;
}

function Empty() {
  const denied = why("CREATE", "objective");
  return html`
    <div class="empty">
      <svg viewBox="0 0 160 96" aria-hidden="true" focusable="false">
        <path d="M8 84c26-4 34-36 58-38s26 14 46 2 18-30 30-34" stroke-dasharray="1 7" />
        <circle cx="8" cy="84" r="4" class="dot" /><circle cx="66" cy="46" r="4" class="dot" /><circle cx="112" cy="48" r="4" class="dot" />
        <circle cx="150" cy="12" r="9" class="goal" /><circle cx="150" cy="12" r="3" class="dot" />
      </svg>
      <h2>${text.objectives.none}</h2>
      <p>${denied ? text.objectives.noneForYou : text.objectives.noneYet}</p>
    </div>`;
}

/** The shape of what is coming, so that nothing moves when it comes. */
function Skeleton() {
  return html`
    <div role="status" class="skeleton">
      <span class="visually-hidden">${text.objectives.loading(loading.value)}</span>
      ${[1, 2].map(() => html`<div class="card"><i class="wide"></i><i class="bar"></i><i></i><i></i></div>`)}
    </div>`;
}
