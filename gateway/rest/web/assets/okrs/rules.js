// What follows from an objective and its key results, as the server derives it (okr/v1/objective.proto). Changes that
// arrive live say what became of one of them, and not what follows from that for the rest.

import { cycleDays, dayNumber, today } from "../core/days.js";
import { isMilestone } from "../core/values.js";

/** @typedef {import("../core/api.js").Objective} Objective */
/** @typedef {import("../core/api.js").KeyResult} KeyResult */

export const active = "OBJECTIVE_STATE_ACTIVE";
export const closed = "OBJECTIVE_STATE_CLOSED";
export const archived = "OBJECTIVE_STATE_ARCHIVED";

const staleDays = 14;

/** A quotient that is rounded half up. @param {number} sum @param {number} n */
const rounded = (sum, n) => Math.floor((2 * sum + n) / (2 * n));

/**
 * The weighted mean of a percentage of the key results; undefined without key results.
 * @param {KeyResult[]} keyResults
 * @param {(kr: KeyResult) => number} of
 */
function mean(keyResults, of) {
  const weights = keyResults.reduce((total, kr) => total + (kr.weight ?? 1), 0);
  if (weights === 0) return undefined;
  return rounded(keyResults.reduce((total, kr) => total + of(kr) * (kr.weight ?? 1), 0), weights);
}

/** @param {KeyResult} kr */
const attainmentOf = (kr) => kr.attainment ?? 0;

/**
 * The mean attainment, and 100 only when every key result is at 100; undefined without key results.
 * @param {KeyResult[]} keyResults
 */
export function progressOf(keyResults) {
  const progress = mean(keyResults, attainmentOf);
  return progress === 100 && keyResults.some((kr) => attainmentOf(kr) < 100) ? 99 : progress;
}

/** From when to when progress is expected. @param {Pick<Objective, "startDate"|"dueDate"|"cycle">} objective */
export function periodOf({ startDate, dueDate, cycle }) {
  const days = cycleDays(cycle);
  const period = { startDate: startDate || days?.startDate || "", dueDate: dueDate || days?.dueDate || "" };
  return period.startDate && period.dueDate ? period : undefined;
}

/**
 * How far a key result should have come by the end of a day, in percent.
 * @param {KeyResult} kr
 * @param {{startDate: string, dueDate: string}} period
 * @param {string} day
 */
export function expectedBy(kr, { startDate, dueDate }, day) {
  const [first, last, now] = [startDate, dueDate, day].map(dayNumber);
  if (now < first) return 0;
  if (now >= last) return 100;
  return isMilestone(kr) ? 0 : rounded(100 * (now - first + 1), last - first + 1);
}

/** @param {KeyResult} kr */
const stale = (kr) => attainmentOf(kr) < 100 &&
  dayNumber(today()) - dayNumber((kr.lastCheckInTime ?? kr.createTime).slice(0, 10)) >= staleDays;

/**
 * An objective with what follows from the rest of it and from the day.
 * @param {Objective} objective
 * @returns {Objective}
 */
export function derived(objective) {
  const worked = objective.state === active;
  const period = periodOf(objective);
  const expected = worked && period;
  const keyResults = objective.keyResults.map((kr) => {
    const now = { stale: worked && stale(kr), expectedAttainment: expected ? expectedBy(kr, expected, today()) : undefined };
    return now.stale === kr.stale && now.expectedAttainment === kr.expectedAttainment ? kr : { ...kr, ...now };
  });
  return {
    ...objective, keyResults, period, progress: progressOf(keyResults),
    expectedProgress: expected ? mean(keyResults, (kr) => kr.expectedAttainment ?? 0) : undefined,
  };
}

/**
 * Whether one state of a resource is older than another. Times have up to nine decimals, and as many as they need.
 * @param {{updateTime: string}} a
 * @param {{updateTime: string}} b
 */
export function older(a, b) {
  return comparable(a.updateTime) < comparable(b.updateTime);
}

const comparable = (/** @type {string} */ time) => {
  const [seconds, decimals = ""] = time.replace(/Z$/, "").split(".");
  return `${seconds}.${decimals.padEnd(9, "0")}`;
};

/**
 * An objective with a key result in its place, which is by id; in place of the one with its id, if there is one.
 * @param {Objective} objective
 * @param {KeyResult} keyResult
 * @returns {Objective}
 */
export function withKeyResult(objective, keyResult) {
  const others = objective.keyResults.filter((kr) => kr.id !== keyResult.id);
  const at = others.findIndex((kr) => kr.id > keyResult.id);
  return derived({ ...objective, keyResults: others.toSpliced(at < 0 ? others.length : at, 0, keyResult) });
}

/**
 * @param {Objective} objective
 * @param {string} id of a key result
 * @returns {Objective}
 */
export const withoutKeyResult = (objective, id) =>
  derived({ ...objective, keyResults: objective.keyResults.filter((kr) => kr.id !== id) });
