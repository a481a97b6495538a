// The log of changes as server-sent events, which keeps the objectives up to date while the page is open.

import { ended } from "../core/session.js";
import { connection, say } from "../core/live.js";
import { personName } from "../core/people.js";
import { text } from "../core/strings.js";
import { hear, renew } from "./others.js";
import { discover, find, load, ownRequests, problem, revive, takeDeletion, takeKeyResult, takeObjective, touched } from "./store.js";

/** @typedef {import("../core/api.js").Change} Change */

const touchTime = 10_000; // milliseconds that a change by others stays marked
const groupTime = 400; // milliseconds in which changes are announced together
const manyUnknown = 20; // objectives that are asked for one by one; for more the list is loaded anew

let cursor = "";
let source = /** @type {EventSource|null} */ (null);
let timer = 0;
let failures = 0;

/** Follows the changes after a position; "" for one that is still to be found. @param {string} from */
export function follow(from) {
  cursor = from;
  if (from) open();
  else again();
}

export function stop() {
  clearTimeout(timer);
  source?.close();
  source = null;
  failures = 0;
}

function open() {
  const opened = source = new EventSource(`/api/v1/changes:watch?afterCursor=${encodeURIComponent(cursor)}`);
  opened.onopen = () => {
    if (connection.peek() === "cut") say(text.live.back);
    failures = 0;
    connection.value = "live";
  };
  opened.addEventListener("change", (event) => {
    cursor = event.lastEventId;
    take(JSON.parse(event.data));
  });
  opened.addEventListener("end", (event) => {
    opened.close();
    const { error } = JSON.parse(event.data);
    if (error.code === 401) {
      ended.value = true; // the view stops
    } else again();
  });
  // The browser connects again by itself where the connection broke, but not where an answer was no stream.
  opened.onerror = () => {
    if (opened.readyState === EventSource.CLOSED) again();
    else connection.value = "cut";
  };
}

/** Connects again after a while: from half a second to half a minute, and not in step with everybody else. */
function again() {
  source?.close();
  connection.value = "cut";
  failures += 1;
  const wait = Math.min(30_000, 500 * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
  timer = setTimeout(async () => {
    const from = await load(); // also finds out what a refused stream does not say
    if (connection.peek() === "off") return;
    if (from) {
      renew();
      cursor = from;
      open();
    } else if (problem.peek()?.status !== 401) again();
  }, wait);
}

/** @param {Change} change */
function take(change) {
  const own = ownRequests.has(change.requestId);
  const by = text.live.who(change.actor?.displayName || personName(change.actor?.memberId ?? ""), change.via?.clientName ?? "");
  const { objective, keyResult } = change.after ?? {};
  const item = objective ?? keyResult ?? change.before?.objective ?? change.before?.keyResult;
  if (!item) return;
  if (objective || change.before?.objective) hear(item.id, objective ?? null);
  const owner = keyResult?.objectiveId ?? (change.before && objective?.id);
  if (owner && !find(owner)) {
    look(owner);
    return;
  }
  if (!change.before) revive(item.id);
  const news = objective ? takeObjective(objective)
    : keyResult ? takeKeyResult(keyResult)
      : takeDeletion(item.id, own ? undefined : by);
  if (!news || own) return;
  touch(item.id, by);
  announce(by, change);
}

/** @type {Set<string>} */
const unknown = new Set();

/** Finds out whether an objective that has changed is wanted now. @param {string} id */
function look(id) {
  unknown.add(id);
  if (unknown.size > 1) return;
  setTimeout(async () => {
    const ids = [...unknown];
    unknown.clear();
    if (ids.length > manyUnknown) await load();
    else await Promise.allSettled(ids.map(discover)); // what cannot be found out now, the next load does
  }, groupTime);
}

/** @param {string} id @param {string} by */
function touch(id, by) {
  const put = (/** @type {string|undefined} */ who) => {
    const next = new Map(touched.peek());
    if (who === undefined) next.delete(id);
    else next.set(id, who);
    touched.value = next;
  };
  put(by);
  setTimeout(put, touchTime);
}

/** @type {[by: string, change: Change][]} */
let news = [];

/** @param {string} by @param {Change} change */
function announce(by, change) {
  news.push([by, change]);
  if (news.length > 1) return;
  setTimeout(async () => {
    const all = news;
    news = [];
    try {
      const { many, sentence } = await import("./news.js");
      say(all.length > 3 ? many(all.length) : all.map((one) => sentence(...one)).join(" "));
    } catch {
      // What cannot be said now is seen on the page.
    }
  }, groupTime);
}
