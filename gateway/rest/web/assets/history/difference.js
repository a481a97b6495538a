// What a change made of something: the fields that differ, before and after, in words.

import { cycleName, dayText } from "../core/days.js";
import { html } from "../core/html.js";
import { personName } from "../core/people.js";
import { isMilestone, isPercentage, numberText, valueText } from "../core/values.js";
import { titleOf } from "../okrs/others.js";
import { words } from "../okrs/strings.js";
import { t } from "./strings.js";

/** @typedef {import("../core/api.js").Objective} Objective */
/** @typedef {import("../core/api.js").KeyResult} KeyResult */

/** A value of a key result in words. @param {string} value @param {KeyResult} kr */
export const measured = (value, kr) => (isMilestone(kr) ? (value === "100" ? t.done : t.notDone) : valueText(kr, value));

/** How each field is written; the rest as it is. @type {Record<string, (value: string, item: any) => string>} */
const written = {
  ownerId: (id) => personName(id) || words.formerMember, cycle: cycleName, startDate: dayText, dueDate: dayText,
  parentId: titleOf, state: (state) => t.states[state] ?? state, score: numberText,
  confidence: (one) => words.confidence[one] ?? "", format: (format) => t.formats[format] ?? format,
  currentValue: measured, startValue: measured, targetValue: measured,
};

/** @param {any} item @param {string} name */
function shown(item, name) {
  const value = item[name];
  if (value === undefined || value === "") return "";
  return written[name]?.(value, item) ?? String(value);
}

/** What need not be said of something new. */
const clear = ["title", "state", "currentValue", "weight", "format", "unit"];

/** Whether a key result is measured as most are. @param {KeyResult} kr */
const plain = (kr) => isMilestone(kr) || isPercentage(kr);

/**
 * The fields that differ. Where something was made, those that say more than its text.
 * @param {Pick<import("../core/api.js").Change, "before"|"after">} change
 * @returns {{name: string, before: string, after: string}[]}
 */
function differences({ before, after }) {
  const was = before?.objective ?? before?.keyResult;
  const is = after?.objective ?? after?.keyResult;
  if (!is) return [];
  return Object.entries(t.fields).flatMap(([field, name]) => {
    if (!was && (clear.includes(field) || (field.endsWith("Value") && after?.keyResult && plain(after.keyResult)))) return [];
    const [one, other] = [was ? shown(was, field) : "", shown(is, field)];
    return one === other ? [] : [{ name, before: one, after: other }];
  });
}

/** @param {{change: import("../core/api.js").Change}} props */
export function Difference({ change }) {
  const fields = differences(change);
  return fields.length > 0 && html`
    <dl class="difference">${fields.map(({ name, before, after }) => html`
      <div><dt>${name}</dt><dd>
        ${before && html`<del>${before}</del> <span class="visually-hidden">${t.becomes}</span><span aria-hidden="true">→</span>${" "}`}
        <ins>${after || t.nothing}</ins></dd></div>`)}
    </dl>`;
}
