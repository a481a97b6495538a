// How the value of a key result went, check-in by check-in, and where it was expected to be: as a chart, and as a table.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { dayText, today } from "../core/days.js";
import { classes, html } from "../core/html.js";
import { percent } from "../core/values.js";
import { active, expectedBy } from "../okrs/rules.js";
import { objectiveOf } from "../okrs/store.js";
import { Problem } from "../ui/problem.js";
import { measured } from "./difference.js";
import { through } from "./entry.js";
import { plot } from "./plot.js";
import { readReports } from "./reports.js";
import { t } from "./strings.js";
import { Table } from "./table.js";
import { called } from "./who.js";

/** @typedef {import("../core/api.js").KeyResult} KeyResult */
/** @typedef {import("./reports.js").Report} Report */
/** @typedef {import("../core/api.js").Objective["period"]} Period */

const words = t.chart;
const few = 60; // check-ins that have marks in full size

/** @param {{item: KeyResult}} props a key result with check-ins */
export default function Chart({ item }) {
  const reports = useSignal(/** @type {Report[]|null} */ (null));
  const read = useSignal("");
  const { busy, failure, run } = useAction(async () => {
    read.value = item.etag;
    reports.value = await readReports(item);
  });
  useEffect(() => { // anew with each change, one reading after the other
    if (!busy.value && read.peek() !== item.etag) run();
  }, [item.etag, busy.value]);
  const { period, state } = objectiveOf(item.objectiveId).value;
  const now = state === active ? Date.now() : undefined;
  return html`
    <figure class="chart">
      ${failure.value
        ? html`<div class="plot failed"><${Problem} failure=${failure.value} onRetry=${run} /></div>`
        : html`<${Plot} item=${item} reports=${reports.value} period=${period} now=${now} />`}
      <${Legend} period=${period} now=${now} />
      <${Table} item=${item} reports=${reports.value} period=${period} />
    </figure>`;
}

/** @param {string} time */
const date = (time) => dayText(time.slice(0, 10));

/** The chart in words. @param {KeyResult} item @param {Report[]} reports @param {Period} period @param {number|undefined} now */
function described(item, reports, period, now) {
  const [first, last] = [reports[0].checkIn, reports[reports.length - 1].checkIn];
  const said = [words.went(reports.length, measured(first.previousValue || item.startValue, item), date(first.createTime),
    measured(last.value, item), date(last.createTime)), words.target(measured(item.targetValue, item))];
  if (period && now) said.push(words.expected(percent(item.attainment ?? 0), percent(expectedBy(item, period, today()))));
  return words.label(item.title, said.join(" "));
}

/** @param {{item: KeyResult, reports: Report[]|null, period: Period, now?: number}} props reports: null while they are not known */
function Plot({ item, reports, period, now }) {
  if (!reports?.length) return html`<div class="plot"></div>`;
  const at = plot(item, reports.map((one) => one.checkIn), period, now);
  const edge = (/** @type {number} */ y, /** @type {number} */ other, /** @type {string} */ label) =>
    html`<span class=${classes("edge", y > other && "under")} style=${{ top: `${y}%` }}>${label}</span>`;
  return html`
    <div class="plot">
      <div class="area">
        <svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label=${described(item, reports, period, now)}>
          <path class="grid" d=${`M0 ${at.start}H100M0 ${at.target}H100`} />
          ${at.today !== undefined && html`<path class="today" d=${`M${at.today} 0V100`} />`}
          ${at.expected && html`<path class="expected" d=${at.expected} />`}
          <path class="steps" d=${at.steps} />
          ${reports.map((report, i) => html`<${Dot} key=${report.checkIn.id} item=${item} report=${report} at=${at.dots[i]} small=${reports.length > few} />`)}
        </svg>
        ${edge(at.start, at.target, words.start(measured(item.startValue, item)))}
        ${edge(at.target, at.start, words.goal(measured(item.targetValue, item)))}
      </div>
      <p class="days"><span>${dayText(new Date(at.first).toISOString())}</span><span>${dayText(new Date(at.last - 1).toISOString())}</span></p>
    </div>`;
}

/**
 * The mark of a check-in: round for a person, square for an agent, and hollow as long as it is not confirmed.
 * @param {{item: KeyResult, report: Report, at: {x: number, y: number}, small: boolean}} props
 */
function Dot({ item, report, at, small }) {
  const { checkIn, waiting, unconfirmed } = report;
  const { author, via } = checkIn;
  const tip = `${measured(checkIn.value, item)} · ${date(checkIn.createTime)} · ${called(author)} ${via?.clientId ? through(via) : ""}`;
  return html`<${Mark} at=${at} small=${small} tip=${tip} agent=${via?.clientId} open=${waiting || unconfirmed} />`;
}

/** A line without a length and with wide ends, which keeps its form however far the chart is drawn out. */
const Mark = (/** @type {{at: {x: number, y: number}, agent?: any, open?: boolean, small?: boolean, tip?: string}} */ { at, agent, open, small, tip }) => {
  const d = `M${at.x} ${at.y}h0`;
  return html`
    <g class=${classes("mark-at", agent && "agent", small && "small")} data-tip=${tip}>
      <path d=${d} />${open && html`<path class="hole" d=${d} />`}
    </g>`;
};

/** What the marks and lines are; the same for all charts of a key result, so that nothing moves. @param {{period: Period, now?: number}} props */
function Legend({ period, now }) {
  const { marks } = words;
  const sample = (/** @type {string} */ name, /** @type {any} */ drawn) =>
    html`<span><svg viewBox="0 0 16 16" aria-hidden="true">${drawn}</svg>${name}</span>`;
  const at = { x: 8, y: 8 };
  return html`
    <figcaption class="legend">
      ${sample(marks.person, html`<${Mark} at=${at} />`)} ${sample(marks.agent, html`<${Mark} at=${at} agent />`)}
      ${sample(marks.waiting, html`<${Mark} at=${at} agent open />`)}
      ${period && sample(marks.expected, html`<path class="expected" d="M0 8H16" />`)}
      ${now && sample(marks.today, html`<path class="today" d="M8 0V16" />`)}
    </figcaption>`;
}
