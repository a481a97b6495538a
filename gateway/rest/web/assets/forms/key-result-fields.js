// The fields of a key result beside its text.

import { html } from "../core/html.js";
import { personName } from "../core/people.js";
import { editable, sameValue } from "../core/values.js";
import { Field } from "../ui/field.js";
import { Select } from "../ui/select.js";
import { Owner } from "./owner.js";
import { t } from "./strings.js";
import { numberError, parseValue } from "./typed.js";

/** @typedef {import("../core/api.js").KeyResult} KeyResult */
/** @typedef {import("./form.js").Form} Form */

const milestone = "KEY_RESULT_KIND_MILESTONE";
const percentage = "VALUE_FORMAT_PERCENT";
const money = "VALUE_FORMAT_CURRENCY";

/** What a new key result has where nobody says more: a percentage from 0 to 100. */
export const defaults = () => ({
  kind: "KEY_RESULT_KIND_METRIC", format: percentage, startValue: editable("0"), targetValue: editable("100"), unit: "", weight: editable("1"), ownerId: "",
});

/** The fields of a key result as a form has them. @param {KeyResult} kr */
export const fieldsOf = (kr) => ({
  title: kr.title, ownerId: kr.ownerId, format: kr.format, startValue: editable(kr.startValue),
  targetValue: editable(kr.targetValue), unit: kr.unit, weight: editable(String(kr.weight ?? 1)),
});

/** Whether what the server refused is said at a field. */
export const atField = () => false;

/** What is wrong, by field. @param {Form} form @param {string} kind */
export function errors({ value }, kind) {
  const [start, target] = [parseValue(value("startValue")), parseValue(value("targetValue"))];
  /** @type {Record<string, string>} */
  const wrong = {};
  if (!/^([1-9]\d?|100)$/.test(parseValue(value("weight")) ?? "")) wrong.weight = t.keyResult.weightWrong;
  if (kind === milestone) return wrong;
  if (start === null) wrong.startValue = numberError(value("startValue"));
  if (target === null) wrong.targetValue = numberError(value("targetValue"));
  else if (start !== null && sameValue(start, target)) wrong.targetValue = t.keyResult.same;
  if (value("format") === money && !/^[A-Z]{3}$/.test(value("unit").trim().toUpperCase())) wrong.unit = t.keyResult.currencyWrong;
  return wrong;
}

/**
 * The fields as the server takes them.
 * @param {Record<string, string>} fields
 * @param {string} format of the values, which may not be among the fields
 * @returns {Partial<KeyResult>}
 */
export function wire({ weight, ...fields }, format) {
  /** @type {Partial<KeyResult>} */
  const sent = { ...fields };
  for (const name of /** @type {const} */ (["startValue", "targetValue"])) {
    if (name in fields) sent[name] = parseValue(fields[name]) ?? "";
  }
  if ("unit" in fields) sent.unit = format === money ? fields.unit.trim().toUpperCase() : fields.unit.trim();
  if (weight !== undefined) sent.weight = Number(parseValue(weight));
  if (fields.kind === milestone) for (const name of /** @type {const} */ (["format", "startValue", "targetValue", "unit"])) delete sent[name];
  return sent;
}

/** A field and its value for people. @param {string} name @param {string} value @returns {[string, string]} */
export function said(name, value) {
  const label = { title: t.keyResult.edit, ownerId: t.keyResult.owner, format: t.keyResult.format, startValue: t.keyResult.start,
    targetValue: t.keyResult.target, unit: t.keyResult.unit, weight: t.keyResult.weight }[name] ?? name;
  const shown = name === "ownerId" ? personName(value) : name === "format" ? t.keyResult.formats.find(([one]) => one === value)?.[1] : value;
  return [label, shown || t.conflict.nothing];
}

/** @param {{form: Form, denied: string, item?: KeyResult}} props item: what is edited, whose kind stays as it is */
export function KeyResultFields({ form, denied, item }) {
  const kind = item?.kind ?? form.value("kind");
  const wrong = errors(form, kind);
  const readonly = Boolean(denied);
  const format = form.value("format");
  const bind = (/** @type {string} */ name) => ({
    value: form.value(name), error: wrong[name], readonly, onValue: (/** @type {string} */ value) => form.set({ [name]: value }),
  });
  const choose = (/** @type {string} */ chosen) => form.set({ format: chosen, ...(chosen === percentage && { unit: "" }) });
  return html`
    <div class="pair">
      ${!item && html`<${Select} label=${t.keyResult.kind} options=${t.keyResult.kinds} ...${bind("kind")} />`}
      ${kind !== milestone && html`<${Select} label=${t.keyResult.format} options=${t.keyResult.formats} ...${bind("format")} onValue=${choose} />`}
    </div>
    ${kind !== milestone && html`
      <div class="pair">
        <${Field} label=${t.keyResult.start} inputmode="decimal" maxlength="32" ...${bind("startValue")} />
        <${Field} label=${t.keyResult.target} inputmode="decimal" maxlength="32" ...${bind("targetValue")} />
      </div>
      ${format !== percentage && html`<${Field} ...${format === money
        ? { label: t.keyResult.currency, hint: t.keyResult.currencyHint, maxlength: "3", autocapitalize: "characters" }
        : { label: t.keyResult.unit, hint: t.keyResult.unitHint, maxlength: "32" }} ...${bind("unit")} />`}`}
    <div class="pair">
      <${Owner} label=${t.keyResult.owner} none=${t.people.objectiveOwner} ...${bind("ownerId")} />
      <${Field} label=${t.keyResult.weight} hint=${t.keyResult.weightHint} inputmode="numeric" maxlength="3" ...${bind("weight")} />
    </div>`;
}
