// An objective as a card, with its key results inside.

import { draftOf, openForm, setDraft } from "../core/drafts.js";
import { ago } from "../core/format.js";
import { classes, html } from "../core/html.js";
import { say } from "../core/live.js";
import { why } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Progress } from "../ui/progress.js";
import { By } from "./by.js";
import { Composer } from "./composer.js";
import { Delete } from "./delete.js";
import { Gone } from "./gone.js";
import { KeyResult } from "./key-result.js";
import { createKeyResult, gone, objectiveOf } from "./store.js";
import { edit, editButtonId, editing, TitleEditor } from "./title.js";
import { touched } from "./watch.js";

/** @param {{id: string}} props */
export function Objective({ id }) {
  const item = objectiveOf(id).value;
  const by = touched.value.get(id);
  const lost = gone.value.get(id);
  const heading = `${id}-title`;
  if (lost !== undefined) {
    return html`
      <li><article class="card" aria-labelledby=${heading}>
        <h2 id=${heading}>${item.title}</h2>
        <${Gone} id=${id} by=${lost} ids=${[id, ...item.keyResults.map((kr) => kr.id)]} />
      </article></li>`;
  }
  return html`
    <li id=${id}><article class=${classes("card", by !== undefined && "touched")} aria-labelledby=${heading}>
      <header>
        ${editing(item)
          ? html`<h2 class="visually-hidden" id=${heading}>${item.title}</h2>
            <${TitleEditor} item=${item} resource="objective" label=${text.objective.edit} updater=${item.updater?.displayName ?? ""} />`
          : html`<h2 id=${heading} tabindex="-1">${item.title}</h2>`}
        <div class="tools">
          ${!editing(item) && html`<${Button} id=${editButtonId(item)} kind="quiet" icon="edit" label=${text.editing(item.title)}
            why=${why("UPDATE", "objective")} onClick=${() => edit(item)} />`}
          <${Delete} item=${item} resource="objective" focusAfter=${() => document.querySelector("h1")} />
        </div>
      </header>
      <${Overall} item=${item} />
      ${item.keyResults.length > 0 && html`
        <ul class="key-results" aria-label=${text.keyResult.list(item.title)}>
          ${item.keyResults.map((kr) => html`<${KeyResult} key=${kr.id} item=${kr} />`)}
        </ul>`}
      <${AddKeyResult} item=${item} />
      <footer class="meta">${by === undefined
        ? text.objective.made(item.creator?.displayName ?? "", ago(item.createTime)) : html`<${By} who=${by} />`}</footer>
    </article></li>`;
}

/** @param {{item: import("../core/api.js").Objective}} props */
function Overall({ item }) {
  if (item.progress === undefined) {
    return html`<p class="none">${why("READ", "key_result") || text.objective.unmeasured}</p>`;
  }
  return html`
    <div class="overall">
      <p class="figure">${item.progress}<span>%</span></p>
      <${Progress} value=${item.progress} label=${text.objective.bar(item.title)} />
    </div>`;
}

/** @param {{item: import("../core/api.js").Objective}} props */
function AddKeyResult({ item }) {
  const name = `add ${item.id}`;
  const button = `open-${item.id}`;
  const denied = why("CREATE", "key_result");
  if (!draftOf(name).value) {
    return html`
      <${Button} id=${button} kind="quiet" icon="plus" why=${denied} label=${text.keyResult.addTo(item.title)}
        onClick=${() => openForm(name, { value: "" })}>${text.keyResult.add}<//>`;
  }
  return html`
    <${Composer} name=${name} label=${text.keyResult.new} hint=${text.keyResult.hint} submit=${text.keyResult.add} denied=${denied}
      onAdd=${async (/** @type {string} */ value) => {
        await createKeyResult(item.id, value, name);
        setDraft(name, { value: "" });
        say(text.keyResult.added);
      }}
      onClose=${() => requestAnimationFrame(() => document.getElementById(button)?.focus())} />`;
}
