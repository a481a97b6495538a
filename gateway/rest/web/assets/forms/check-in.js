// Checking in: the value, how it looks, what happened, and where that can be seen.

import { useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { justOpened } from "../core/drafts.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { text } from "../core/strings.js";
import { editable, isMilestone, sameValue, valueText } from "../core/values.js";
import { checkIn } from "../okrs/writes.js";
import { words } from "../okrs/strings.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { Select } from "../ui/select.js";
import Conflict from "./conflict.js";
import { useForm } from "./form.js";
import { failureOf, forget, sendDraft } from "./send.js";
import { t } from "./strings.js";
import { numberError, parseValue } from "./typed.js";

/** @typedef {import("../core/api.js").KeyResult} KeyResult */
/** @typedef {import("./form.js").Form} Form */

const mostLinks = 10;
const confidences = ["", "CONFIDENCE_ON_TRACK", "CONFIDENCE_AT_RISK", "CONFIDENCE_OFF_TRACK"];

/** @param {{item: KeyResult, denied: string}} props */
export default function CheckIn({ item, denied }) {
  const key = `check-in ${item.id}`;
  const form = useForm(key, { value: editable(item.currentValue) });
  const box = useRef(/** @type {HTMLFormElement|null} */ (null));
  const value = parseValue(form.value("value"));
  const links = linksOf(form);
  const wrong = value === null || links.some(({ wrong }) => wrong);
  const says = form.changed.includes("value") || form.value("confidence") !== "" || form.value("note").trim() !== "";
  const button = `report-${item.id}`;
  const done = () => {
    forget(key);
    requestAnimationFrame(() => document.getElementById(button)?.focus());
  };
  const run = async (/** @type {string} */ before) => {
    const report = {
      ...(form.fields.value !== undefined && { value: value ?? "" }),
      ...(form.value("confidence") && { confidence: form.value("confidence") }),
      note: form.value("note").trim(),
      evidence: links.filter(({ url }) => url).map(({ url, seen }) => ({ url, observedValue: seen })),
    };
    if (await sendDraft(key, button, (sent) => checkIn(item.id, report, before, sent))) say(t.checkIn.saved(item.title));
  };
  useLayoutEffect(() => {
    if (justOpened(key)) /** @type {HTMLElement|null|undefined} */ (box.current?.querySelector("input, select"))?.focus();
  }, []);
  const conflict = form.conflicts.includes("value") && value !== null && !sameValue(value, item.currentValue);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!denied && says && !wrong && !conflict) run(item.currentValue);
  };
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && Object.keys(form.fields).length === 0) done();
  };
  const bind = (/** @type {string} */ name) => ({
    value: form.value(name), readonly: Boolean(denied), onValue: (/** @type {string} */ typed) => form.set({ [name]: typed }),
  });
  const shown = (/** @type {string} */ one) => (isMilestone(item) ? milestone(one) : valueText(item, one));
  return html`
    <form class="editor check-in" ref=${box} onSubmit=${submit} onKeyDown=${escape} aria-label=${words.keyResult.checkIn(item.title)} novalidate>
      <div class="pair">
        ${isMilestone(item)
          ? html`<${Select} label=${t.checkIn.value} options=${[["0", t.checkIn.notDone], ["100", t.checkIn.done]]} ...${bind("value")} />`
          : html`<${Field} label=${t.checkIn.value} hint=${t.checkIn.before(valueText(item, item.currentValue))} inputmode="decimal" maxlength="32"
              error=${numberError(form.value("value"))} ...${bind("value")} />`}
        <${Confidence} ...${bind("confidence")} name=${key} />
      </div>
      <${Field} label=${t.checkIn.note} lines maxlength="4000" ...${bind("note")} />
      <${Links} links=${links} form=${form} readonly=${Boolean(denied)} />
      ${conflict && html`
        <${Conflict} by=${item.updater?.displayName ?? ""} why=${denied} theirs=${shown(item.currentValue)} mine=${shown(value ?? "")}
          onMine=${() => { form.keepMine(); run(item.currentValue); }} onTheirs=${form.takeTheirs} />`}
      <p class="actions">
        ${!conflict && html`<${Button} kind="primary" submit why=${denied || (says ? "" : t.checkIn.empty)}>${t.checkIn.save}<//>`}
        <${Button} onClick=${() => done()}>${text.cancel}<//>
      </p>
      <${Problem} failure=${failureOf(key)} />
    </form>`;
}

/** @param {string} value */
const milestone = (value) => (value === "100" ? t.checkIn.done : t.checkIn.notDone);

/** @param {{value: string, readonly: boolean, name: string, onValue: (value: string) => void}} props */
const Confidence = ({ value, readonly, name, onValue }) => html`
  <fieldset class="choice">
    <legend class="label">${t.checkIn.confidence}</legend>
    ${confidences.map((one) => html`
      <label><input type="radio" name=${name} checked=${value === one} disabled=${readonly} onChange=${() => onValue(one)} />
        <span>${one ? words.confidence[one] : t.checkIn.nothingNew}</span></label>`)}
  </fieldset>`;

/** The links that a form holds, as many as were added. @param {Form} form */
function linksOf(form) {
  const count = Number(form.value("links") || "0");
  return Array.from({ length: count }, (_, i) => {
    const url = form.value(`url ${i}`).trim();
    return { url, seen: form.value(`seen ${i}`).trim(), wrong: url !== "" && !/^https?:\/\/[^\s/?#@\\]+([/?#]\S*)?$/.test(url) };
  });
}

/** @param {{links: ReturnType<typeof linksOf>, form: Form, readonly: boolean}} props */
function Links({ links, form, readonly }) {
  const bind = (/** @type {string} */ name) => ({
    value: form.value(name), readonly, onValue: (/** @type {string} */ typed) => form.set({ [name]: typed }),
  });
  return html`
    <fieldset class="links">
      <legend class="label">${t.checkIn.links} <span class="quiet">${t.optional}</span></legend>
      ${links.map(({ wrong }, i) => html`
        <div class="pair" key=${i}>
          <${Field} label=${t.checkIn.link(i + 1)} type="url" inputmode="url" maxlength="2048" error=${wrong ? t.checkIn.linkWrong : ""} ...${bind(`url ${i}`)} />
          <${Field} label=${t.checkIn.seen(i + 1)} maxlength="100" ...${bind(`seen ${i}`)} />
        </div>`)}
      ${links.length < mostLinks && !readonly && html`
        <${Button} kind="quiet" icon="plus" onClick=${() => form.set({ links: String(links.length + 1) })}>${t.checkIn.addLink}<//>`}
    </fieldset>`;
}
