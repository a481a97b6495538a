// What is said about something in few words.

import { html } from "../core/html.js";
import { personName, people } from "../core/people.js";
import { text } from "../core/strings.js";
import { Icon } from "../ui/icons.js";
import { words } from "./strings.js";

/** @param {{facts: any[]}} props what is empty is left out */
export function Facts({ facts }) {
  const said = facts.filter(Boolean);
  return said.length > 0 && html`<p class="facts">${said.map((fact) => html`<span>${fact}</span>${" "}`)}</p>`;
}

/** The name of an owner; "" for nobody, and as long as it is not known. @param {string} id */
export const ownerName = (id) => (id ? personName(id) || (people.value ? words.formerMember : "") : "");

/** What is known of how a key result is doing; "" for nothing. @param {Doing} item */
export const statusOf = (item) => (item.stale ? "stale" : item.confidence in shapes ? item.confidence : "");

/** @typedef {Pick<import("../core/api.js").KeyResult, "stale"|"confidence">} Doing */

/** @type {Record<string, string>} */
const shapes = { CONFIDENCE_ON_TRACK: "on", CONFIDENCE_AT_RISK: "risk", CONFIDENCE_OFF_TRACK: "miss", stale: "old" };

/**
 * How a key result is doing, as somebody said: a shape and words. What nobody has stood by for long says that instead.
 * @param {{item: Doing}} props
 */
export function Status({ item }) {
  const state = statusOf(item);
  return state && html`<span class="status" data-status=${shapes[state]}><${Icon} name=${shapes[state]} />${words.confidence[state]}</span>`;
}

/**
 * Who changed something a moment ago. It stands where something else stood, so that nothing moves.
 * @param {{who: string}} props
 */
export const By = ({ who }) => html`<span class="by" data-tip=${`${who}, ${text.live.justNow}`}>${who}</span>`;
