// What follows from an objective and its key results, as the server derives it (okr/v1/objective.proto).

/** @typedef {import("../core/api.js").Objective} Objective */
/** @typedef {import("../core/api.js").KeyResult} KeyResult */

/**
 * The mean attainment, rounded half up, and 100 only when every key result is at 100; undefined without key results.
 * @param {KeyResult[]} keyResults
 */
export function progressOf(keyResults) {
  const n = keyResults.length;
  if (n === 0) return undefined;
  const sum = keyResults.reduce((total, kr) => total + (kr.attainment ?? 0), 0);
  const mean = Math.floor((2 * sum + n) / (2 * n));
  return mean >= 100 && sum < 100 * n ? 99 : mean;
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
  const keyResults = others.toSpliced(at < 0 ? others.length : at, 0, keyResult);
  return { ...objective, keyResults, progress: progressOf(keyResults) };
}

/**
 * @param {Objective} objective
 * @param {string} id of a key result
 * @returns {Objective}
 */
export function withoutKeyResult(objective, id) {
  const keyResults = objective.keyResults.filter((kr) => kr.id !== id);
  return { ...objective, keyResults, progress: progressOf(keyResults) };
}
