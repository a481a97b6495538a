// What others have done, in a sentence for those who do not look at the page.

import { text } from "../core/strings.js";
import { isMilestone, isPercentage, numberText, valueText } from "../core/values.js";

const { quoted } = text;

/** Many changes at once. @param {number} n */
export const many = (n) => `${n} changes by others.`;

/** @param {string} by @param {import("../core/api.js").Change} change */
export function sentence(by, { kind, before, after }) {
  const noun = (after ?? before)?.objective ? "objective" : "key result";
  const was = before?.objective ?? before?.keyResult;
  const is = after?.objective ?? after?.keyResult;
  const title = quoted((is ?? was)?.title ?? "");
  if (!is) return `${by} deleted the ${noun} ${title}.`;
  if (!was) return `${by} added the ${noun} ${title}.`;
  const moved = { CLOSED: "closed", REOPENED: "reopened", ARCHIVED: "archived", RESTORED: "restored" }[kind.split("_").at(-1) ?? ""];
  if (moved) return `${by} ${moved} the objective ${title}.`;
  const kr = after?.keyResult;
  if (kind === "CHANGE_KIND_KEY_RESULT_CONFIRMED") return `${by} confirmed the value of ${title}.`;
  if (kr && kr.currentValue !== before?.keyResult?.currentValue) return `${by} set ${title} to ${spokenValue(kr)}.`;
  if (kind === "CHANGE_KIND_KEY_RESULT_CHECKED_IN") return `${by} checked in on ${title}.`;
  return is.title === was.title ? `${by} changed the ${noun} ${title}.` : `${by} changed the ${noun} ${quoted(was.title)} to ${title}.`;
}

/** @param {import("../core/api.js").KeyResult} kr */
function spokenValue(kr) {
  if (isMilestone(kr)) return kr.attainment === 100 ? "done" : "not done";
  return isPercentage(kr) ? `${numberText(kr.currentValue)} percent` : valueText(kr, kr.currentValue);
}
