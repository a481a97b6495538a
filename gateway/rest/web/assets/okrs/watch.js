// Keeps the objectives up to date while the page is open: the log of changes as server-sent events.

import { signal } from "../vendor/signals.js";
import { ended } from "../core/session.js";
import { connection, say } from "../core/live.js";
import { text } from "../core/strings.js";
import { load, ownRequests, problem, takeDeletion, takeKeyResult, takeObjective } from "./store.js";

/**
 * @typedef {{actor?: {displayName: string}, via?: {clientName: string}, requestId: string, before?: Snapshot,
 *   after?: Snapshot}} Change
 * @typedef {{objective?: import("../core/api.js").Objective, keyResult?: import("../core/api.js").KeyResult}} Snapshot
 */

/** What others changed a moment ago, and who, by id. */
export const touched = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));

const touchTime = 10_000; // milliseconds that a change by others stays marked
const groupTime = 400; // milliseconds in which changes are announced together

let cursor = "";
let source = /** @type {EventSource|null} */ (null);
let timer = 0;
let failures = 0;

/** Loads the objectives and follows their changes, until `unwatch`. */
export async function watch() {
  unwatch();
  connection.value = "connecting";
  const from = await load();
  if (connection.peek() === "off") return;
  if (!from) {
    again();
    return;
  }
  cursor = from;
  open();
}

export function unwatch() {
  clearTimeout(timer);
  source?.close();
  source = null;
  failures = 0;
  connection.value = "off";
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
      ended.value = true;
      unwatch();
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
      cursor = from;
      open();
    } else if (problem.peek()?.status === 401) unwatch();
    else again();
  }, wait);
}

/** @param {Change} change */
function take(change) {
  const own = ownRequests.has(change.requestId);
  const by = text.live.who(change.actor?.displayName ?? "", change.via?.clientName ?? "");
  const { objective, keyResult } = change.after ?? {};
  const item = objective ?? keyResult ?? change.before?.objective ?? change.before?.keyResult;
  if (!item) return;
  const news = objective ? takeObjective(objective)
    : keyResult ? takeKeyResult(keyResult)
      : takeDeletion(item.id, own ? undefined : by);
  if (!news || own) return;
  touch(item.id, by);
  announce(text.live.change(by, change));
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

/** @type {string[]} */
let news = [];

/** @param {string} sentence */
function announce(sentence) {
  news.push(sentence);
  if (news.length > 1) return;
  setTimeout(() => {
    say(news.length > 3 ? text.live.many(news.length) : news.join(" "));
    news = [];
  }, groupTime);
}
