// How far a key result has come: type a number, press Enter. Or for a milestone: tick it off.

import { useAction } from "../core/action.js";
import { draftOf, setDraft } from "../core/drafts.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { text } from "../core/strings.js";
import { editable, isMilestone, isPercentage, sameValue, valueText } from "../core/values.js";
import { useId } from "../vendor/preact-hooks.js";
import { Button } from "../ui/button.js";
import { Lazy } from "../ui/lazy.js";
import { Problem } from "../ui/problem.js";
import { showTip } from "../ui/tip.js";
import { parts, reader, typed, writes } from "./parts.js";
import { words } from "./strings.js";

/** @typedef {{item: import("../core/api.js").KeyResult, denied: string}} Props */

const whole = /^(100|[1-9]?[0-9])$/;

/** @param {Props} props denied: why no value can be given */
export const Attainment = ({ item, denied }) =>
  (isMilestone(item) ? html`<${Milestone} item=${item} denied=${denied} />` : html`<${Value} item=${item} denied=${denied} />`);

/** @param {string} denied @param {Event} event */
function refuse(denied, event) {
  if (!denied) return;
  showTip(/** @type {Element} */ (event.currentTarget));
  say(denied);
}

/**
 * A field in no form: whenever one comes, Chromium looks through all forms, for what it could fill in.
 * @param {Props} props
 */
function Value({ item, denied }) {
  const id = useId();
  const key = `attainment ${item.id}`;
  const draft = draftOf(key).value;
  const now = item.currentValue;
  const simple = isPercentage(item) && whole.test(now);
  const { busy, failure, run } = useAction(async (/** @type {string} */ base) => {
    const sent = draftOf(key).peek()?.value ?? "";
    const value = simple ? sent : (await reader()).parseValue(sent);
    if (value === null) return; // the field says why
    const { checkIn, setAttainment } = await writes();
    const done = simple ? await setAttainment(item.id, Number(value), Number(base), key) : await checkIn(item.id, { value }, base, key);
    if (done) {
      const latest = draftOf(key).peek()?.value ?? sent; // perhaps more meanwhile
      setDraft(key, latest === sent ? undefined : { value: latest, base: value });
      say(words.attainment.saved(item.title, valueText(item, value)));
    }
  });
  const plain = simple ? now : editable(now); // browsers take 0 to 9 alone in a field of type number
  const shown = draft?.value ?? plain;
  const value = simple ? shown : draft ? typed.value?.parseValue(shown) : now;
  const base = draft?.base ?? now;
  const wrong = draft && (simple ? !whole.test(shown) && words.attainment.wrong : typed.value?.numberError(shown));
  const conflict = draft && value && !busy.value && !wrong && !sameValue(base, now) && !sameValue(value, now);
  const described = [denied && `${id}-why`, wrong && `${id}-error`].filter(Boolean).join(" ") || null;

  const input = (/** @type {Event} */ event) => {
    const entered = /** @type {HTMLInputElement} */ (event.currentTarget).value;
    failure.value = null;
    setDraft(key, entered === plain && !busy.value ? undefined : { value: entered, base });
  };
  const send = () => {
    if (denied || !draft || wrong || conflict) return;
    if (sameValue(value ?? "", now)) setDraft(key, undefined);
    else run(base);
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape") setDraft(key, undefined);
    if (event.key === "Enter") send();
  };
  const kind = simple ? { type: "number", inputmode: "numeric", min: "0", max: "100", step: "1" } : { inputmode: "decimal" };
  const inPercent = item.format === "VALUE_FORMAT_PERCENT";
  return html`
    <div class="attainment">
      <label class="visually-hidden" for=${id}>${inPercent ? words.attainment.label(item.title) : words.attainment.value(item.title)}</label>
      <span class="number" data-dirty=${draft ? "" : null} data-percent=${inPercent ? "" : null}>
        <input id=${id} ...${kind} value=${shown} autocomplete="off" maxlength="32"
          readonly=${Boolean(denied)} aria-disabled=${denied ? "true" : null} data-tip=${denied || null}
          aria-invalid=${wrong ? "true" : null} aria-describedby=${described}
          onInput=${input} onKeyDown=${press} onClick=${(/** @type {Event} */ event) => refuse(denied, event)} />
        ${inPercent && html`<span aria-hidden="true">%</span>`}
      </span>
      ${denied && html`<span id=${`${id}-why`} hidden>${denied}</span>`}
      ${draft && !conflict && html`
        <${Button} kind="primary" busy=${busy.value} why=${denied} label=${words.attainment.set(item.title)} onClick=${send}>${text.set}<//>`}
      ${wrong && html`<p class="error" id=${`${id}-error`} role="alert">${wrong}</p>`}
      ${conflict && html`
        <${Lazy} load=${parts.conflict} by=${item.updater?.displayName ?? ""} why=${denied}
          theirs=${valueText(item, now)} mine=${valueText(item, value)}
          onMine=${() => { setDraft(key, { value: shown, base: now }); run(now); }} onTheirs=${() => setDraft(key, undefined)} />`}
      <${Problem} failure=${failure.value} />
    </div>`;
}

/** @param {Props} props */
function Milestone({ item, denied }) {
  const id = useId();
  const done = item.attainment === 100;
  const { busy, failure, run } = useAction(async (/** @type {boolean} */ wanted) => {
    const { checkIn } = await writes();
    await checkIn(item.id, { value: wanted ? "100" : "0" }, item.currentValue, `attainment ${item.id}`);
    say(wanted ? words.attainment.saved(item.title, words.keyResult.done) : text.saved);
  });
  const change = (/** @type {Event} */ event) => {
    const box = /** @type {HTMLInputElement} */ (event.currentTarget);
    const wanted = box.checked;
    box.checked = done; // until the server has said so
    if (denied) refuse(denied, event);
    else if (!busy.value) run(wanted);
  };
  return html`
    <div class="attainment">
      <label class="tick-off"><input type="checkbox" checked=${done} aria-label=${words.keyResult.doneNamed(item.title)}
        aria-disabled=${denied || busy.value ? "true" : null} aria-describedby=${denied ? `${id}-why` : null} data-tip=${denied || null}
        onChange=${change} /><span aria-hidden="true">${words.keyResult.done}</span></label>
      ${denied && html`<span id=${`${id}-why`} hidden>${denied}</span>`}
      <${Problem} failure=${failure.value} />
    </div>`;
}
