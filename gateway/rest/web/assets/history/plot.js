// Where everything is in the chart of a key result's check-ins. Values are drawn as floating-point numbers: what they are
// exactly stands in the table beside it.

import { isMilestone } from "../core/values.js";

/** @typedef {import("../core/api.js").CheckIn} CheckIn */

const day = 24 * 60 * 60 * 1000; // milliseconds

/** A share in percent, with as many digits as can be seen. @param {number} part @param {number} whole */
const percentage = (part, whole) => Math.round(whole > 0 ? 10_000 * part / whole : 0) / 100;

/**
 * A chart of 100 by 100 units with the origin at its upper left.
 * @param {import("../core/api.js").KeyResult} item
 * @param {CheckIn[]} checkIns oldest first, and at least one; where there are more, the latest
 * @param {{startDate: string, dueDate: string}|undefined} period
 * @param {number|undefined} now milliseconds; undefined where nobody works on it any more
 */
export function plot(item, checkIns, period, now) {
  const times = checkIns.map((one) => Date.parse(one.createTime));
  const values = checkIns.map((one) => Number(one.value));
  const latest = times[times.length - 1];
  const whole = checkIns.length >= item.checkInCount; // nothing is said about what was before the first of some
  const born = whole ? Math.min(Date.parse(item.createTime), times[0]) : times[0];
  const before = Number(checkIns[0].previousValue || item.startValue);
  const begin = period ? Date.parse(period.startDate) : born;
  const end = period ? Date.parse(period.dueDate) + day : latest;
  const [start, target] = [Number(item.startValue), Number(item.targetValue)];

  const first = Math.min(begin, born);
  const last = Math.max(end, latest, now ?? 0);
  const low = Math.min(start, target, before, ...values);
  const high = Math.max(start, target, before, ...values);
  const x = (/** @type {number} */ time) => percentage(time - first, last - first);
  const y = (/** @type {number} */ value) => percentage(high - value, high - low);
  return {
    first, last, start: y(start), target: y(target), today: now && x(now),
    dots: values.map((value, i) => ({ x: x(times[i]), y: y(value) })),
    /** The value as it was, from one check-in to the next. */
    steps: `M${x(born)} ${y(before)}${values.map((value, i) => `H${x(times[i])}V${y(value)}`).join("")}H${x(now ?? latest)}`,
    /** Where it was expected to be: evenly on its way, or for a milestone there on the last day. */
    expected: period && (isMilestone(item)
      ? `M${x(begin)} ${y(start)}H${x(end - day)}V${y(target)}H${x(end)}`
      : `M${x(begin)} ${y(start)}L${x(end)} ${y(target)}`),
  };
}
