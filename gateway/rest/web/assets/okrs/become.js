// What a write makes of an objective or key result, before the server says so (okr/v1/key_result.proto).

import { sameValue } from "../core/values.js";

/** @typedef {import("../core/api.js").KeyResult} KeyResult */

/** Values as whole numbers of the same, smallest unit. @param {string[]} values */
function whole(values) {
  const decimals = values.map((value) => value.split(".")[1] ?? "");
  const most = Math.max(...decimals.map((digits) => digits.length));
  return values.map((value, i) => BigInt(value.split(".")[0] + decimals[i].padEnd(most, "0")));
}

/**
 * How far a value is on its way, in percent from 0 to 100, rounded half up, and 100 only at the target.
 * @param {{startValue: string, targetValue: string, currentValue: string}} kr
 */
export function attainment({ startValue, targetValue, currentValue }) {
  const [start, target, now] = whole([startValue, targetValue, currentValue]);
  const up = target > start ? 1n : -1n;
  const [done, way] = [(now - start) * up, (target - start) * up];
  if (done <= 0n) return 0;
  return done >= way ? 100 : Math.min(99, Number((200n * done + way) / (2n * way)));
}

/**
 * A key result after a check-in in person.
 * @param {KeyResult} kr
 * @param {{value?: string, confidence?: string}} checkIn
 * @returns {KeyResult}
 */
export function reported(kr, { value, confidence }) {
  const next = {
    ...kr, currentValue: value || kr.currentValue, confidence: confidence || kr.confidence,
    lastCheckInTime: new Date().toISOString(), checkInCount: kr.checkInCount + 1, agentReport: undefined,
  };
  return { ...next, attainment: attainment(next) };
}

/**
 * An objective or key result with other fields.
 * @template {import("../core/api.js").Objective|KeyResult} T
 * @param {T} item
 * @param {Partial<T>} fields
 * @returns {T}
 */
export function changed(item, fields) {
  const next = { ...item, ...fields };
  if ("keyResults" in next) return next;
  const kr = /** @type {KeyResult} */ (item);
  if (kr.checkInCount === 0 && sameValue(kr.currentValue, kr.startValue)) next.currentValue = next.startValue; // it has not begun
  return { ...next, attainment: attainment(next) };
}
