// Loads objectives and keeps them up to date. What the stream of changes takes is loaded meanwhile.

import { connection } from "../core/live.js";
import { load, order, same, wanted } from "./store.js";

/** @type {typeof import("./watch.js")|undefined} */
let stream;
let followed = 0;
const pause = 3000; // milliseconds until the list is asked for again without a stream, as long as browsers wait with streams

/** @typedef {import("./filter.js").Filter} Filter */

/**
 * Loads objectives and follows all changes, until `unwatch`.
 * @param {Filter} filter
 */
export async function watch(filter) {
  unwatch();
  const own = followed;
  if (!same(filter, wanted.peek())) order.value = null; // what is known may be a part of it, and not worth a look
  wanted.value = filter;
  connection.value = "connecting";
  await begin(own);
}

/**
 * Loads, and follows from there. Some browsers remember of a module that it could not be had, until the page is loaded
 * again: then the list alone is asked for, again and again.
 * @param {number} own
 */
async function begin(own) {
  const [from, module] = await Promise.all([load(), import("./watch.js").catch(() => undefined)]);
  if (own !== followed) return;
  stream = module;
  if (stream) stream.follow(from);
  else {
    connection.value = "cut";
    setTimeout(() => { if (own === followed) begin(own); }, pause);
  }
}

/**
 * Goes on with other objectives.
 * @param {Filter} filter
 */
export function want(filter) {
  if (same(filter, wanted.peek())) return;
  wanted.value = filter;
  if (connection.peek() !== "off") load(); // the stream brings what changes meanwhile
}

export function unwatch() {
  followed += 1;
  stream?.stop();
  connection.value = "off";
}
