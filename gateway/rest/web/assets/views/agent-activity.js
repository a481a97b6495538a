// What an agent did, in a sentence.

import { ago } from "../core/format.js";
import { html } from "../core/html.js";
import { texts } from "./strings.js";

const t = texts.agents;

/**
 * @typedef {{changes: string, firstSeq: string, firstTime?: string, lastSeq: string, lastTime?: string}} Count
 * @typedef {{clientId: string, clientName: string, member?: import("../core/api.js").Member, objectives?: Count,
 *   keyResults?: Count, lastUseTime?: string}} Sum
 */

/** How many changes there are. @param {Count} [count] */
const changes = (count) => Number(count?.changes ?? 0);

/** When the last one happened; "" for never. @param {Sum} sum */
const lastTime = ({ objectives, keyResults }) =>
  [objectives?.lastTime ?? "", keyResults?.lastTime ?? ""].sort((a, b) => Date.parse(b || "1970") - Date.parse(a || "1970"))[0];

/** @param {{sum?: Sum}} props */
export function Activity({ sum }) {
  const said = sum ? [
    sum.lastUseTime && t.used(ago(sum.lastUseTime)),
    changes(sum.objectives) + changes(sum.keyResults) > 0
      ? t.changed(changes(sum.objectives), changes(sum.keyResults), ago(lastTime(sum)))
      : t.nothing,
  ] : [t.unused];
  return html`<p class="facts">${said.filter(Boolean).map((fact) => html`<span>${fact}</span>${" "}`)}</p>`;
}

/** Where each of the changes is shown. @param {Sum} sum */
export const activityAddress = ({ clientId, member }) =>
  `/activity?${new URLSearchParams({ ...(member && { member: member.memberId }), through: `client:${clientId}` })}`;
