// Taking everything out as a file, and bringing it in.

import { useEffect, useId, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { why } from "../core/session.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { Export } from "./export.js";
import { kindOf, send } from "./import.js";
import { t } from "./strings.js";

/** @typedef {import("./import.js").Progress} Progress */
/** @typedef {import("./import.js").Trouble} Trouble */

const mostShown = 50; // rows with something wrong

export default function Transfer() {
  return html`
    <section class="card" aria-labelledby="transfer">
      <h2 id="transfer">${t.title}</h2>
      <p class="quiet">${t.lead}</p>
      <${Export} />
      <${Import} />
    </section>`;
}

function Import() {
  const id = useId();
  const file = useSignal(/** @type {File|null} */ (null));
  const checked = useSignal(false);
  const done = useSignal(false);
  const dry = useSignal(true);
  const cut = useSignal("");
  const progress = useSignal(/** @type {Progress|null} */ (null));
  const problems = useSignal(/** @type {Trouble[]} */ ([]));
  const stopping = useRef(/** @type {AbortController|null} */ (null));
  const denied = why("CREATE", "objective");
  const { busy, failure, run } = useAction(async (/** @type {boolean} */ dryRun) => {
    const chosen = file.peek();
    if (!chosen) return;
    const { signal } = stopping.current = new AbortController();
    dry.value = dryRun;
    progress.value = null;
    problems.value = [];
    cut.value = "";
    try {
      await send(chosen, {
        dryRun, signal,
        onMessage: (message) => {
          progress.value = message.summary ?? message.progress ?? progress.peek();
          if (message.problem) problems.value = [...problems.peek(), message.problem];
        },
      });
    } catch (caught) {
      if (signal.aborted) cut.value = t.stopped;
      else {
        if (progress.peek() && !dryRun) cut.value = t.cut;
        throw caught;
      }
      return;
    }
    const summary = progress.peek();
    if (dryRun) checked.value = true;
    else done.value = true;
    if (summary) say(dryRun ? t.would(summary) : t.did(summary));
  });
  useEffect(() => () => stopping.current?.abort(), []);
  const choose = (/** @type {Event} */ event) => {
    stopping.current?.abort();
    file.value = /** @type {HTMLInputElement} */ (event.currentTarget).files?.[0] ?? null;
    checked.value = done.value = false;
    progress.value = failure.value = null;
    problems.value = [];
    cut.value = "";
  };
  const wrong = file.value && !kindOf(file.value) ? t.wrongKind : "";
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!denied && file.value && !wrong) run(!checked.value);
  };
  return html`
    <h3>${t.import}</h3>
    <form class="settings" onSubmit=${submit} novalidate>
      <div class="field">
        <label for=${id}>${t.file}</label>
        <p class="hint" id=${`${id}-hint`}>${denied || t.importHint}</p>
        <input id=${id} type="file" accept=".json,.csv,application/json,text/csv" disabled=${Boolean(denied)}
          aria-describedby=${`${id}-hint${wrong ? ` ${id}-error` : ""}`} aria-invalid=${wrong ? "true" : null} onChange=${choose} />
        ${wrong && html`<p class="error" id=${`${id}-error`} role="alert">${wrong}</p>`}
      </div>
      ${progress.value && html`<${Count} progress=${progress.value} size=${file.value?.size ?? 0} running=${busy.value} dry=${dry.value} />`}
      ${problems.value.length > 0 && html`<${Problems} problems=${problems.value} />`}
      ${cut.value && html`<p class="notice" role="status">${cut.value}</p>`}
      <${Problem} failure=${failure.value} />
      <p class="actions">
        ${!done.value && html`<${Button} kind="primary" submit busy=${busy.value} why=${denied || (file.value ? wrong : t.chooseFirst)}>
          ${busy.value ? (dry.value ? t.checking : t.running) : !checked.value ? t.check : cut.value ? t.again : t.run}<//>`}
        ${busy.value && html`<${Button} onClick=${() => stopping.current?.abort()}>${t.stop}<//>`}
      </p>
    </form>`;
}

/** @param {{progress: Progress, size: number, running: boolean, dry: boolean}} props */
function Count({ progress, size, running, dry }) {
  const { unchanged, failed, offset } = progress;
  return html`
    <div class="stack">
      ${running && html`<progress max=${size} value=${Number(offset)} aria-label=${t.progress}></progress>`}
      <p>${running ? t.soFar(progress) : dry ? t.would(progress) : t.did(progress)}${" "}
        ${unchanged > 0 && t.unchanged(unchanged)} ${failed > 0 && html`<strong>${t.failed(failed)}</strong>`}</p>
    </div>`;
}

/** @param {{problems: Trouble[]}} props */
function Problems({ problems }) {
  const id = useId();
  return html`
    <section aria-labelledby=${id}>
      <h4 id=${id}>${t.problems}</h4>
      <ul class="troubles">${problems.slice(0, mostShown).map(({ row, field, message }) => html`
        <li><strong>${row}</strong> ${field && html`<code>${field}</code>`} ${message}</li>`)}</ul>
      ${problems.length > mostShown && html`<p class="quiet">${t.moreProblems(problems.length - mostShown)}</p>`}
    </section>`;
}
