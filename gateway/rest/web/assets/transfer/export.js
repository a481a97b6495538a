// Taking everything out as a file, with how far it has come.

import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { today } from "../core/days.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { why } from "../core/session.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { messages } from "./stream.js";
import { size, t } from "./strings.js";

/** @typedef {{data: string, objectiveCount: number, objectiveTotal: number}} Piece */
/** @typedef {{objectives: number, total: number, bytes: number}} Progress */

// The file is held here until it is whole, so that half of one is never handed over. What is larger goes to the disk past
// the page, which then cannot say how far it is.
const largest = 500e6; // bytes

/** @param {string} format */
const address = (format) => `/api/v1/export?format=${format}`;

/** Hands a file over, as a download. @param {Blob[]} pieces @param {string} name */
function handOver(pieces, name) {
  const url = URL.createObjectURL(new Blob(pieces));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // a download that has begun keeps what it needs
}

export function Export() {
  const progress = useSignal(/** @type {Progress|null} */ (null));
  const outcome = useSignal("");
  const past = useSignal(""); // where the browser gets what the page cannot hold
  const stopping = useRef(/** @type {AbortController|null} */ (null));
  const links = useRef(/** @type {HTMLElement|null} */ (null));
  const running = useRef(/** @type {HTMLElement|null} */ (null));
  const denied = why("READ", "objective");
  const { busy, failure, run } = useAction(async (/** @type {typeof t.formats[number]} */ chosen) => {
    const { signal } = stopping.current = new AbortController();
    progress.value = { objectives: 0, total: 0, bytes: 0 };
    outcome.value = past.value = "";
    say(t.exporting(chosen.name));
    /** @type {Blob[]} */
    const pieces = [];
    try {
      for await (const { piece } of messages(address(chosen.format), { headers: { Accept: "application/x-ndjson" }, signal })) {
        if (!piece) continue;
        const { data = "", objectiveCount, objectiveTotal } = /** @type {Piece} */ (piece);
        const part = new Blob([data]);
        pieces.push(part);
        progress.value = { objectives: objectiveCount, total: objectiveTotal, bytes: progress.value.bytes + part.size };
        if (progress.value.bytes > largest) {
          past.value = address(chosen.format);
          stopping.current.abort();
        }
      }
      signal.throwIfAborted();
    } catch (caught) {
      if (!signal.aborted) {
        if (pieces.length > 0) outcome.value = t.exportCut;
        throw caught;
      }
      say(outcome.value = past.value ? t.tooLarge(size(largest)) : t.exportStopped);
      return;
    } finally {
      if (running.current?.contains(document.activeElement)) { // it goes away
        /** @type {HTMLElement|null|undefined} */ (links.current?.querySelector(`[data-format=${chosen.format}]`))?.focus();
      }
    }
    const name = `okr-manager-${today()}.${chosen.extension}`;
    handOver(pieces, name);
    say(outcome.value = t.exported(name, progress.value));
  });
  useEffect(() => () => stopping.current?.abort(), []);
  const start = (/** @type {MouseEvent} */ event, /** @type {typeof t.formats[number]} */ chosen) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return; // the browser's own ways to take a link
    event.preventDefault();
    run(chosen);
  };
  return html`
    <h3>${t.export}</h3>
    <ul class="rows" ref=${links}>
      ${t.formats.map((one) => html`
        <li class="row">
          <div class="person"><h4>${one.name}</h4><p>${one.hint}</p></div>
          <div class="tools">${denied
            ? html`<${Button} label=${one.label} why=${denied}>${t.export}<//>`
            : html`<a class="button" href=${address(one.format)} download aria-label=${one.label} data-format=${one.format}
                aria-disabled=${busy.value ? "true" : null} onClick=${(/** @type {MouseEvent} */ event) => start(event, one)}>${t.export}</a>`}</div>
        </li>`)}
    </ul>
    ${busy.value && progress.value && html`
      <div class="stack" ref=${running}>
        <progress max=${progress.value.total || null} value=${progress.value.total ? progress.value.objectives : null} aria-label=${t.exportProgress}></progress>
        <p>${t.exportedSoFar(progress.value)}</p>
        <p class="actions"><${Button} label=${t.stopExport} onClick=${() => stopping.current?.abort()}>${t.stop}<//></p>
      </div>`}
    ${outcome.value && html`
      <p class="notice">${outcome.value}${past.value && html` <a href=${past.value} download>${t.past}</a>`}</p>`}
    <${Problem} failure=${failure.value} />`;
}
