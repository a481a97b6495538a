// How far a key result has come: type a number, press Enter.

import { useAction } from "../core/action.js";
import { draftOf, setDraft } from "../core/drafts.js";
import { percent } from "../core/format.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { why } from "../core/session.js";
import { text } from "../core/strings.js";
import { useId } from "../vendor/preact-hooks.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { showTip } from "../ui/tip.js";
import { Conflict } from "./conflict.js";
import { setAttainment } from "./store.js";

const whole = /^(100|[1-9]?[0-9])$/;

/** @param {{item: import("../core/api.js").KeyResult}} props */
export function Attainment({ item }) {
  const id = useId();
  const key = `attainment ${item.id}`;
  const draft = draftOf(key).value;
  const now = item.attainment ?? 0;
  const denied = why("UPDATE", "key_result");
  const { busy, failure, run } = useAction(async (/** @type {number} */ base) => {
    const value = Number(draftOf(key).peek()?.value);
    if (await setAttainment(item.id, value, base, key)) {
      setDraft(key, undefined);
      say(text.attainment.saved(item.title, percent(value)));
    }
  });
  const value = draft?.value ?? String(now);
  const base = draft?.base === undefined ? now : Number(draft.base);
  const conflict = draft && base !== now && value !== String(now);
  const wrong = draft && !whole.test(value);
  const described = [denied && `${id}-why`, wrong && `${id}-error`].filter(Boolean).join(" ") || null;

  const input = (/** @type {Event} */ event) => {
    const typed = /** @type {HTMLInputElement} */ (event.currentTarget).value;
    failure.value = null;
    setDraft(key, typed === String(now) ? undefined : { value: typed, base: String(base) });
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (denied || !draft || wrong || conflict) return;
    if (value === String(now)) setDraft(key, undefined);
    else run(base);
  };
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") setDraft(key, undefined);
  };
  const refuse = (/** @type {Event} */ event) => {
    if (!denied) return;
    showTip(/** @type {Element} */ (event.currentTarget));
    say(denied);
  };
  return html`
    <form class="attainment" onSubmit=${submit} novalidate>
      <label class="visually-hidden" for=${id}>${text.attainment.label(item.title)}</label>
      <span class="number" data-dirty=${draft ? "" : null}>
        <input id=${id} type="number" inputmode="numeric" min="0" max="100" step="1" value=${value} autocomplete="off"
          readonly=${Boolean(denied)} aria-disabled=${denied ? "true" : null} data-tip=${denied || null}
          aria-invalid=${wrong ? "true" : null} aria-describedby=${described}
          onInput=${input} onKeyDown=${escape} onClick=${refuse} />
        <span aria-hidden="true">%</span>
      </span>
      ${denied && html`<span id=${`${id}-why`} hidden>${denied}</span>`}
      ${draft && !conflict && html`
        <${Button} kind="primary" submit busy=${busy.value} why=${denied} label=${text.attainment.set(item.title)}>${text.set}<//>`}
      ${wrong && html`<p class="error" id=${`${id}-error`} role="alert">${text.attainment.wrong}</p>`}
      ${conflict && html`
        <${Conflict} by=${item.updater?.displayName ?? ""} theirs=${percent(now)} mine=${`${value}\u202f%`} why=${denied}
          onMine=${() => { setDraft(key, { value, base: String(now) }); run(now); }} onTheirs=${() => setDraft(key, undefined)} />`}
      <${Problem} failure=${failure.value} />
    </form>`;
}
