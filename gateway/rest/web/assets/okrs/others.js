// Objectives beside those that are wanted: what something shown contributes to, or what a change names by its id.

import { signal } from "../vendor/signals.js";
import { ask, identity } from "../core/session.js";
import { objectiveOf, order, pathOf } from "./store.js";

/** @typedef {Pick<import("../core/api.js").Objective, "id"|"title"|"parentId"|"state">} Other */

/** null stands for one that is not there. @type {import("../vendor/signals.js").Signal<ReadonlyMap<string, Other|null>>} */
const found = signal(new Map());
/** @type {Set<string>} */
const asked = new Set();

identity.subscribe(() => { // what one may read is not shown to another
  asked.clear();
  found.value = new Map();
});

/** @param {string} id @param {Other|null} fresh */
const put = (id, fresh) => { found.value = new Map(found.peek()).set(id, fresh); };

/**
 * An objective as it is now: null for one that is not there (any more), undefined as long as that is not known.
 * @param {string} id
 * @returns {Other|null|undefined}
 */
export function other(id) {
  const known = order.value && objectiveOf(id);
  if (known) return known.value;
  if (!asked.has(id)) find(id);
  return found.value.get(id);
}

/** The text of an objective as it is now; its id as long as that is not known, and where there is none. @param {string} id */
export const titleOf = (id) => other(id)?.title ?? id;

/** Asks for an objective. What is heard of it meanwhile counts more than the answer. @param {string} id */
async function find(id) {
  asked.add(id);
  const before = found.peek().get(id);
  let fresh = null;
  try {
    fresh = await ask("GET", pathOf(id));
  } catch (failure) {
    if (/** @type {import("../core/api.js").Failure} */ (failure).status !== 404) {
      asked.delete(id); // whoever needs it next asks again
      return;
    }
  }
  if (asked.has(id) && found.peek().get(id) === before) put(id, fresh);
}

/** Takes in what has become of an objective, if it is one of these. @param {string} id @param {Other|null} fresh null: it was deleted */
export function hear(id, fresh) {
  if (asked.has(id)) put(id, fresh);
}

/** Asks for all of them again, because changes may have been missed. */
export const renew = () => [...asked].forEach(find);
