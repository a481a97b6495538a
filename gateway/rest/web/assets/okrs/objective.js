// An objective as a card, with its key results inside.

import { useComputed, useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { cycleName, dayText, periodText } from "../core/days.js";
import { draftOf, openForm } from "../core/drafts.js";
import { ago } from "../core/format.js";
import { classes, html } from "../core/html.js";
import { say } from "../core/live.js";
import { why } from "../core/session.js";
import { numberText } from "../core/values.js";
import { Button } from "../ui/button.js";
import { Lazy } from "../ui/lazy.js";
import { Problem } from "../ui/problem.js";
import { Progress } from "../ui/progress.js";
import { By, Facts, ownerName } from "./facts.js";
import { KeyResult } from "./key-result.js";
import { parts, writes } from "./parts.js";
import { archived, closed } from "./rules.js";
import { StandIn } from "./stand-in.js";
import { addressOf, gone, objectiveOf, touched } from "./store.js";
import { words } from "./strings.js";
import { editing, editKey, Tools } from "./tools.js";

/** @typedef {import("../core/api.js").Objective} Item */

/** @param {{id: string, own?: boolean}} props own: whether the page is its own */
export function Objective({ id, own }) {
  const item = objectiveOf(id).value;
  const by = useComputed(() => touched.value.get(id)).value;
  const lost = useComputed(() => gone.value.get(id)).value;
  const heading = `${id}-title`;
  if (lost !== undefined) {
    return html`
      <li><article class="card" aria-labelledby=${heading}>
        <h2 id=${heading}>${item.title}</h2>
        <${Lazy} load=${parts.gone} id=${id} by=${lost} ids=${[id, ...item.keyResults.map((kr) => kr.id)]} />
      </article></li>`;
  }
  const put = item.state === archived ? words.objective.archivedWhy : "";
  const denied = put || why("UPDATE", "objective");
  return html`
    <li id=${id}><article class=${classes("card", by !== undefined && "touched")} aria-labelledby=${heading}>
      <header>
        ${editing(item)
          ? html`<h2 class="visually-hidden" id=${heading}>${item.title}</h2>
            <${Lazy} load=${parts.editor} item=${item} resource="objective" denied=${denied}
              meanwhile=${html`<${StandIn} draft=${editKey(item)} title=${item.title} />`} />`
          : html`<h2 id=${heading} tabindex="-1">${own ? item.title : html`<a href=${addressOf(id)}>${item.title}</a>`}</h2>`}
        <${Tools} item=${item} resource="objective" denied=${denied} focusAfter=${() => document.querySelector("h1")} />
      </header>
      ${!editing(item) && html`<${About} item=${item} />`}
      <${Overall} item=${item} />
      ${item.keyResults.length > 0 && html`
        <ul class="key-results" aria-label=${words.keyResult.list(item.title)}>
          ${item.keyResults.map((kr) => html`<${KeyResult} key=${kr.id} item=${kr} closed=${put} />`)}
        </ul>`}
      <${AddKeyResult} item=${item} put=${put} />
      <footer class="meta">
        <span>${by === undefined ? words.objective.made(item.creator?.displayName ?? "", ago(item.createTime)) : html`<${By} who=${by} />`}</span>
        <${Life} item=${item} />
      </footer>
    </article></li>`;
}

/** Who answers for it, for when, and what became of it. @param {{item: Item}} props */
function About({ item }) {
  const { period, cycle, dueDate, startDate, parentId } = item;
  const own = startDate || dueDate;
  const dates = period ? (own || !cycle) && periodText(period) : own && dayText(own);
  return html`
    <${Facts} facts=${[item.state === archived && html`<strong>${words.objective.isArchived}</strong>`, ownerName(item.ownerId),
      cycle && cycleName(cycle), dates, parentId && html`<${Lazy} load=${parts.above} id=${parentId}
        meanwhile=${words.objective.below(objectiveOf(parentId)?.value.title ?? "…")} />`]} />
    ${item.score && html`
      <div class="closing"><p><strong>${words.objective.closedWith(item.score)}</strong>${item.closeTime && html` <span class="quiet">${ago(item.closeTime)}</span>`}</p>
        ${item.closingNote && html`<p class="prose">${item.closingNote}</p>`}</div>`}
    ${item.description && html`<${Description} text=${item.description} />`}`;
}

const short = 200; // letters that are shown at once

/** @param {{text: string}} props */
const Description = ({ text }) => (text.length <= short && text.split("\n").length < 4
  ? html`<p class="prose">${text}</p>`
  : html`<details class="prose"><summary>${words.objective.description}</summary>${text}</details>`);

/** @param {{item: Item}} props */
function Overall({ item }) {
  if (item.progress === undefined) {
    return html`<p class="none">${why("READ", "key_result") || words.objective.unmeasured}</p>`;
  }
  const expected = item.expectedProgress === undefined ? undefined : words.objective.expected(item.expectedProgress);
  return html`
    <div class="overall">
      <p class="figure">${numberText(item.progress)}<span>%</span></p>
      <div>
        <${Progress} value=${item.progress} label=${words.objective.bar(item.title)} expected=${item.expectedProgress} tip=${expected} />
        ${expected && html`<p class="state">${expected}</p>`}
      </div>
    </div>`;
}

/** What can become of it. @param {{item: Item}} props */
function Life({ item }) {
  const doing = useSignal("");
  const denied = why("UPDATE", "objective");
  const stop = () => { doing.value = ""; };
  const { busy, failure, run } = useAction(async (/** @type {"reopen"|"archive"|"restore"} */ step) => {
    await (await writes()).move(item.id, step);
    say(words.objective.done[step]);
    requestAnimationFrame(() => (document.getElementById(item.id)?.querySelector("h2") ?? document.querySelector("h1"))?.focus());
  });
  const put = item.state === archived;
  const over = item.state === closed;
  const step = (/** @type {"reopen"|"archive"|"restore"} */ one) => html`
    <${Button} kind="quiet" busy=${busy.value} why=${denied} label=${`${words.objective[one]}: ${item.title}`} onClick=${() => run(one)}>${words.objective[one]}<//>`;
  const close = over ? words.objective.rescore : words.objective.close;
  return html`
    <span class="life">
      <${Button} kind="quiet" label=${words.history(item.title)} onClick=${() => { doing.value = "history"; }}>${words.objective.history}<//>
      ${!put && html`<${Button} kind="quiet" why=${denied} label=${`${close}: ${item.title}`} onClick=${() => { doing.value = "close"; }}>${close}<//>`}
      ${over && step("reopen")}
      ${put ? step("restore") : step("archive")}
    </span>
    <${Problem} failure=${failure.value} />
    ${doing.value === "close" && html`<${Lazy} key="close" load=${parts.close} item=${item} denied=${denied} onClose=${stop} />`}
    ${doing.value === "history" && html`<${Lazy} key="history" load=${parts.history} item=${item} onClose=${stop} />`}`;
}

/** @param {{item: Item, put: string}} props put: why nothing can be added */
function AddKeyResult({ item, put }) {
  const name = `add ${item.id}`;
  const button = `open-${item.id}`;
  const denied = put || why("CREATE", "key_result");
  if (!draftOf(name).value) {
    return html`
      <${Button} id=${button} kind="quiet" icon="plus" why=${denied} label=${words.keyResult.addTo(item.title)}
        onClick=${() => openForm(name, { value: "" })}>${words.keyResult.add}<//>`;
  }
  return html`
    <${Lazy} load=${parts.composer} name=${name} resource="key_result" under=${item.id} denied=${denied}
      meanwhile=${html`<${StandIn} draft=${name} />`}
      onClose=${() => requestAnimationFrame(() => document.getElementById(button)?.focus())} />`;
}
