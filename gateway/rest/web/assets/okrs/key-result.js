// A key result in its objective's card.

import { useComputed, useSignal } from "../vendor/signals.js";
import { draftOf, openForm } from "../core/drafts.js";
import { ago } from "../core/format.js";
import { classes, html } from "../core/html.js";
import { why } from "../core/session.js";
import { isMilestone, isPercentage, numberText, percent, sameValue, valueText } from "../core/values.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icons.js";
import { Lazy } from "../ui/lazy.js";
import { Progress } from "../ui/progress.js";
import { Attainment } from "./attainment.js";
import { By, Facts, ownerName, Status, statusOf } from "./facts.js";
import { parts } from "./parts.js";
import { StandIn } from "./stand-in.js";
import { gone, touched } from "./store.js";
import { words } from "./strings.js";
import { editing, editKey, Tools } from "./tools.js";

/** @typedef {import("../core/api.js").KeyResult} Item */

/** @param {{item: Item, closed?: string, above?: any}} props closed: why nothing can be changed; above: what it belongs to */
export function KeyResult({ item, closed = "", above }) {
  const value = item.attainment ?? 0;
  const by = useComputed(() => touched.value.get(item.id)).value;
  const lost = useComputed(() => gone.value.get(item.id)).value;
  const reading = useSignal(false);
  const denied = closed || why("UPDATE", "key_result");
  const checkIn = `check-in ${item.id}`;
  const checkingIn = draftOf(checkIn).value !== undefined;
  if (lost !== undefined) {
    return html`<li class="key-result"><h3>${item.title}</h3><${Lazy} load=${parts.gone} id=${item.id} by=${lost} ids=${[item.id]} /></li>`;
  }
  const expected = item.expectedAttainment === undefined ? "" : words.objective.expected(item.expectedAttainment);
  const bar = words.attainment.bar(item.title);
  return html`
    <li class=${classes("key-result", by !== undefined && "touched")} id=${item.id}>
      ${editing(item)
        ? html`<${Lazy} key="editor" load=${parts.editor} item=${item} resource="key_result" denied=${denied}
            meanwhile=${html`<${StandIn} draft=${editKey(item)} title=${item.title} />`} />`
        : html`<div class="about">
            ${above}<h3 tabindex="-1">${item.title}</h3>
            <${Facts} facts=${[statusOf(item) && html`<${Status} item=${item} />`, ownerName(item.ownerId),
              item.lastCheckInTime && words.keyResult.checkedIn(ago(item.lastCheckInTime)),
              (item.weight ?? 1) > 1 && words.keyResult.weight(item.weight ?? 1)]} />
          </div>`}
      <${Attainment} item=${item} denied=${denied} />
      <div class="measure">
        <${Progress} value=${value} label=${expected ? `${bar}, ${expected}` : bar} expected=${item.expectedAttainment} tip=${expected} />
        <p class="state">${by === undefined ? state(item) : html`<${By} who=${by} />`}</p>
      </div>
      <${Tools} item=${item} resource="key_result" denied=${denied} closed=${closed}
        focusAfter=${() => document.getElementById(item.objectiveId)?.querySelector("h2") ?? null}>
        <${Button} kind="quiet" icon="report" label=${words.keyResult.checkIn(item.title)} why=${denied} id=${`report-${item.id}`}
          aria-expanded=${checkingIn} onClick=${() => openForm(checkIn, { value: "", fields: {}, base: item.currentValue })} />
        <${Button} kind="quiet" icon="clock" label=${words.history(item.title)} onClick=${() => { reading.value = true; }} />
      <//>
      ${item.agentReport && html`<div class="reported"><${Lazy} load=${parts.report} item=${item} denied=${denied} /></div>`}
      ${checkingIn && html`<${Lazy} key="check-in" load=${parts.checkIn} item=${item} denied=${denied} />`}
      ${reading.value && html`<${Lazy} key="history" load=${parts.history} item=${item} onClose=${() => { reading.value = false; }} />`}
    </li>`;
}

/** @param {Item} item */
function state(item) {
  const value = item.attainment ?? 0;
  const reached = value >= 100 && html`<${Icon} name="check" /> `;
  if (isMilestone(item)) return html`${reached}${reached ? words.keyResult.reached : words.keyResult.notDone}`;
  if (isPercentage(item)) {
    if (reached) return html`${reached}${words.keyResult.reached}`;
    return value > 0 ? words.keyResult.under(percent(100 - value)) : words.keyResult.open;
  }
  const { currentValue: now, startValue: start, targetValue: target } = item;
  const plain = item.format === "VALUE_FORMAT_NUMBER" ? numberText : (/** @type {string} */ value) => valueText(item, value);
  const goal = valueText(item, target);
  return html`${reached}<span>${sameValue(start, "0") ? words.keyResult.of(plain(now), goal) : words.keyResult.from(plain(now), plain(start), goal)}</span>`;
}
