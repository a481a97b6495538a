// What others have done, in a sentence for those who do not look at the page.

import { isMilestone, isPercentage, numberText, valueText } from "../core/values.js";
import { news } from "./news-strings.js";

/** Many changes at once. @param {number} n */
export const { many } = news;

/** @param {string} by @param {import("../core/api.js").Change} change */
export function sentence(by, { kind, before, after }) {
  const noun = (after ?? before)?.objective ? "objective" : "keyResult";
  const was = before?.objective ?? before?.keyResult;
  const is = after?.objective ?? after?.keyResult;
  const title = (is ?? was)?.title ?? "";
  if (!is) return news.deleted(by, noun, title);
  if (!was) return news.added(by, noun, title);
  const moved = news.moved(by, kind.split("_").at(-1) ?? "", title);
  if (moved) return moved;
  const kr = after?.keyResult;
  if (kind === "CHANGE_KIND_KEY_RESULT_CONFIRMED") return news.confirmed(by, title);
  if (kr && kr.currentValue !== before?.keyResult?.currentValue) return news.set(by, title, spokenValue(kr));
  if (kind === "CHANGE_KIND_KEY_RESULT_CHECKED_IN") return news.checkedIn(by, title);
  return news.changed(by, noun, was.title, title);
}

/** @param {import("../core/api.js").KeyResult} kr */
function spokenValue(kr) {
  if (isMilestone(kr)) return kr.attainment === 100 ? news.done : news.notDone;
  return isPercentage(kr) ? news.percent(numberText(kr.currentValue)) : valueText(kr, kr.currentValue);
}
