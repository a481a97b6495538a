// The check-ins of a key result, and what the log of changes says about them besides.

import { segment } from "../core/api.js";
import { ask } from "../core/session.js";

/** @typedef {import("../core/api.js").CheckIn} CheckIn */
/** @typedef {import("../core/api.js").Change} Change */

/** How many of a key result's check-ins are read, the latest. */
export const most = 1000;

/**
 * @typedef {{checkIn: CheckIn, undoes?: CheckIn|null, undone?: Change, waiting: boolean, confirmed?: Change, unconfirmed: boolean,
 *   proposal?: Change["proposal"]}} Report
 * undoes: the check-in that this one undoes, null for one that is not known; undone: the change that undid it; waiting: whether
 * it waits to be confirmed; confirmed: the change that confirmed it; unconfirmed: whether it waited, and a later one came first.
 */

/**
 * Reads all pages of a list, or as many as hold `enough`.
 * @param {string} path
 * @param {string[][]} query
 * @param {string} field that holds the items
 * @param {number} enough
 */
async function pages(path, query, field, enough) {
  const found = [];
  for (let token; token !== "" && found.length < enough;) {
    const page = await ask("GET", `${path}?${new URLSearchParams([...query, ["pageSize", "200"], ["pageToken", token ?? ""]])}`);
    found.push(...page[field]);
    token = page.nextPageToken;
  }
  return found.slice(0, enough);
}

/**
 * Reads the latest check-ins of a key result, oldest first. Throws Failure.
 * @param {import("../core/api.js").KeyResult} item
 * @returns {Promise<Report[]>}
 */
export async function readReports(item) {
  const [checkIns, changes] = await Promise.all([
    pages(`keyResults/${segment(item.id)}/checkIns`, [["orderBy", "create_time desc"]], "checkIns", most),
    // Each check-in is confirmed once at most, so that these are those of all check-ins above.
    pages("changes", [["keyResultId", item.id], ["orderBy", "seq desc"], ["kinds", "CHANGE_KIND_KEY_RESULT_CHECKED_IN"],
      ["kinds", "CHANGE_KIND_KEY_RESULT_CONFIRMED"]], "changes", 2 * most),
  ]);
  return reportsOf(checkIns.reverse(), changes, item.agentReport?.checkInId ?? "");
}

/**
 * @param {CheckIn[]} checkIns
 * @param {Change[]} changes newest first
 * @param {string} waiting the id of the check-in that waits to be confirmed
 * @returns {Report[]}
 */
export function reportsOf(checkIns, changes, waiting) {
  const made = new Map(changes.flatMap((change) => (change.checkIn ? [[change.checkIn.id, change]] : [])));
  const bySeq = new Map(changes.map((change) => [change.seq, change]));
  const undone = new Map(changes.map((change) => [change.undoes, change]));
  const confirmed = new Map(changes.flatMap((change) => (change.checkIn ? [] : [[change.before?.keyResult?.agentReport?.checkInId, change]])));
  return checkIns.map((checkIn) => {
    const { id } = checkIn;
    const change = made.get(id);
    const waited = change?.after?.keyResult?.agentReport?.checkInId === id;
    return {
      checkIn, proposal: change?.proposal, waiting: id === waiting,
      ...(Number(change?.undoes) > 0 && { undoes: bySeq.get(change?.undoes ?? "")?.checkIn ?? null }),
      ...(change && undone.has(change.seq) && { undone: undone.get(change.seq) }),
      ...(id !== waiting && confirmed.has(id) && { confirmed: confirmed.get(id) }),
      unconfirmed: id !== waiting && waited && !confirmed.has(id),
    };
  });
}
