// The texts of objectives that changes name by their ids.

import { signal } from "../vendor/signals.js";
import { segment } from "../core/api.js";
import { ask } from "../core/session.js";
import { objectiveOf } from "../okrs/store.js";

const found = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));
const asked = new Set();

/** The text of an objective as it is now; its id as long as that is not known. @param {string} id */
export function titleOf(id) {
  const title = objectiveOf(id)?.value.title ?? found.value.get(id);
  if (title === undefined && !asked.has(id)) find(id);
  return title ?? id;
}

/** @param {string} id */
async function find(id) {
  asked.add(id);
  try {
    const { title } = await ask("GET", `objectives/${segment(id)}`);
    found.value = new Map([...found.peek(), [id, title]]);
  } catch {
    // Deleted, or the server does not answer: the id has to do.
  }
}
