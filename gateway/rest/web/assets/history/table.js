// The check-ins of a key result as a table, the latest first.

import { useSignal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { numberText, percent, sameValue } from "../core/values.js";
import { words as confidences } from "../okrs/strings.js";
import { expectedBy } from "../okrs/rules.js";
import { measured } from "./difference.js";
import { through, times } from "./entry.js";
import { most } from "./reports.js";
import { t } from "./strings.js";
import { called } from "./who.js";

/** @typedef {import("./reports.js").Report} Report */
/** @typedef {import("../core/api.js").KeyResult} KeyResult */

const words = t.chart;

/** @param {{item: KeyResult, reports: Report[]|null, period: import("../core/api.js").Objective["period"]}} props */
export function Table({ item, reports, period }) {
  const open = useSignal(false);
  const { columns } = words;
  const toggle = (/** @type {Event} */ event) => { open.value = /** @type {HTMLDetailsElement} */ (event.currentTarget).open; };
  return html`
    <details onToggle=${toggle}>
      <summary>${item.checkInCount > most ? words.latest(numberText(most)) : words.table}</summary>
      ${item.checkInCount > most && html`<p class="quiet">${words.some(numberText(most), numberText(item.checkInCount))}</p>`}
      ${open.value && reports && html`
        <div class="wide-table" tabindex="0" role="region" aria-label=${words.scroll(item.title)}>
          <table>
            <thead><tr>${[columns.when, columns.value, columns.achieved, period && columns.expected, columns.who].filter(Boolean).map((name) =>
              html`<th scope="col">${name}</th>`)}</tr></thead>
            <tbody>${reports.toReversed().map((report) => html`<${Row} key=${report.checkIn.id} item=${item} report=${report} period=${period} />`)}</tbody>
          </table>
        </div>`}
    </details>`;
}

/** @param {string} time */
const when = (time) => times.format(Date.parse(time));

/** @param {{item: KeyResult, report: Report, period: import("../core/api.js").Objective["period"]}} props */
function Row({ item, report, period }) {
  const { value, previousValue, confidence, attainment, author, via, createTime } = report.checkIn;
  return html`
    <tr>
      <th scope="row"><time datetime=${createTime}>${when(createTime)}</time></th>
      <td>${measured(value, item)}
        ${previousValue && !sameValue(previousValue, value) && html`<span class="quiet">${words.before(measured(previousValue, item))}</span>`}
        ${confidences.confidence[confidence] && html`<span class="quiet">${confidences.confidence[confidence]}</span>`}</td>
      <td>${attainment !== undefined && percent(attainment)}</td>
      ${period && html`<td>${percent(expectedBy(item, period, createTime.slice(0, 10)))}</td>`}
      <td>${called(author)} ${through(via)}
        ${remarks(report).map((remark) => html`<span class="quiet">${remark}</span>`)}</td>
    </tr>`;
}

/** What became of a check-in, and where it comes from. @param {Report} report */
function remarks({ undoes, undone, waiting, confirmed, unconfirmed, proposal }) {
  const by = (/** @type {import("../core/api.js").Change} */ change) => called(change.actor);
  return [
    proposal && t.proposed(called(proposal.proposer), through(proposal.via)),
    undoes !== undefined && words.undoes(undoes ? when(undoes.createTime) : ""),
    undone && words.undone(by(undone), when(undone.createTime)),
    waiting && words.waiting,
    confirmed && words.confirmed(by(confirmed), when(confirmed.createTime)),
    unconfirmed && words.unconfirmed,
  ].filter(Boolean);
}
