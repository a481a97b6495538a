// What is written from this page.

import { segment } from "../core/api.js";
import { requestIdOf } from "../core/drafts.js";
import { ask } from "../core/session.js";
import { sameValue } from "../core/values.js";
import { changed, reported } from "./become.js";
import { derived, withKeyResult } from "./rules.js";
import { find, objectiveOf, ownRequests, pathOf, take, takeDeletion, takeKeyResult, takeObjective } from "./store.js";

/** @typedef {import("../core/api.js").Objective} Objective */
/** @typedef {import("../core/api.js").KeyResult} KeyResult */
/** @typedef {import("../core/api.js").Failure} Failure */

/** @param {string} draft key of the draft that a request sends */
function request(draft) {
  const id = requestIdOf(draft);
  ownRequests.add(id);
  return id;
}

/** @param {object} fields @param {string} draft */
export async function createObjective(fields, draft) {
  const made = await ask("POST", "objectives", { body: fields, requestId: request(draft) });
  takeObjective(made);
  return /** @type {Objective} */ (made);
}

/** @param {string} objectiveId @param {object} fields @param {string} draft */
export async function createKeyResult(objectiveId, fields, draft) {
  const path = `objectives/${segment(objectiveId)}/keyResults`;
  const made = await ask("POST", path, { body: fields, requestId: request(draft) });
  takeKeyResult(made);
  return /** @type {KeyResult} */ (made);
}

/** Shows something as it is to become, or as it was. @param {Objective|KeyResult} item with the etag of what is known */
function show(item) {
  const objective = objectiveOf("keyResults" in item ? item.id : item.objectiveId);
  const { value } = objective;
  objective.value = "keyResults" in item ? derived({ ...item, keyResults: value.keyResults }) : withKeyResult(value, item);
}

/**
 * Changes something, unless somebody else has changed what it stands on. Answers whether it was changed; if not, the store
 * holds what somebody else made of it. Changes of other fields do not stand in the way. What it is to become is shown at
 * once, and taken back where it does not become that.
 * @template {Objective|KeyResult} T
 * @param {string} id
 * @param {(item: T) => boolean} stands
 * @param {(item: T) => T} become
 * @param {(etag: string) => Promise<T>} send
 */
async function guarded(id, stands, become, send) {
  for (let attempt = 1; ; attempt += 1) {
    const known = /** @type {T|undefined} */ (find(id));
    if (!known || !stands(known)) return false;
    show(become(known));
    try {
      take(await send(known.etag));
      return true;
    } catch (failure) {
      if (find(id)?.etag === known.etag) show(known); // else there is news of it
      const { reason } = /** @type {Failure} */ (failure);
      const heard = reason === "REQUEST_ID_REUSED"; // by an answer that was lost: nothing but the etag can differ
      if (!heard && (reason !== "ETAG_MISMATCH" || attempt === 3)) throw failure;
      take(await ask("GET", pathOf(id)));
      if (heard) return true;
    }
  }
}

/**
 * @template {Objective|KeyResult} T
 * @param {string} id
 * @param {Partial<T>} fields
 * @param {(item: T) => boolean} stands whether the fields are still what somebody wanted to change
 * @param {string} draft
 */
export const changeFields = (id, fields, stands, draft) => guarded(id, stands, (item) => changed(item, fields), (etag) =>
  ask("PATCH", `${pathOf(id)}?updateMask=${Object.keys(fields)}`, { body: fields, etag, requestId: request(draft) }));

/** @param {string} id @param {number} attainment @param {number} base @param {string} draft */
export const setAttainment = (id, attainment, base, draft) => guarded(id,
  (/** @type {KeyResult} */ kr) => kr.attainment === base,
  (kr) => reported(kr, { value: String(attainment) }),
  (etag) => ask("POST", `${pathOf(id)}:setAttainment`, { body: { attainment, requestId: request(draft) }, etag }));

/**
 * Checks in.
 * @param {string} id
 * @param {{value?: string, confidence?: string, note?: string, evidence?: {url: string, observedValue: string}[]}} checkIn
 * @param {string} base the value before it
 * @param {string} draft
 */
export const checkIn = (id, checkIn, base, draft) => guarded(id,
  (/** @type {KeyResult} */ kr) => !checkIn.value || [base, checkIn.value].some((value) => sameValue(kr.currentValue, value)),
  (kr) => reported(kr, checkIn),
  async (etag) => {
    await ask("POST", `${pathOf(id)}/checkIns`, { body: checkIn, etag, requestId: request(draft) });
    return /** @type {KeyResult} */ (await ask("GET", pathOf(id)));
  });

/**
 * Moves an objective on in its life, unless somebody has changed it meanwhile.
 * @param {string} id
 * @param {"close"|"reopen"|"archive"|"restore"} step
 * @param {{score?: string, closingNote?: string}} [fields]
 */
export async function move(id, step, fields = {}) {
  const requestId = crypto.randomUUID();
  ownRequests.add(requestId);
  try {
    take(await ask("POST", `${pathOf(id)}:${step}`, { body: { ...fields, requestId }, etag: find(id)?.etag }));
  } catch (failure) {
    if (/** @type {Failure} */ (failure).reason === "ETAG_MISMATCH") take(await ask("GET", pathOf(id)));
    throw failure;
  }
}

/**
 * Confirms what an agent reported. What comes back is shown also where it was not this that was confirmed.
 * @param {KeyResult} item
 */
export async function confirmReport({ id, agentReport }) {
  const requestId = crypto.randomUUID();
  ownRequests.add(requestId);
  try {
    take(await ask("POST", `${pathOf(id)}/checkIns/${segment(agentReport?.checkInId ?? "")}:confirm`, { body: { requestId } }));
  } catch (failure) {
    if (/** @type {Failure} */ (failure).reason === "CHECK_IN_OUTDATED") take(await ask("GET", pathOf(id)));
    throw failure;
  }
}

/** Deletes; what is not there any more counts as deleted. @param {string} id */
export async function destroy(id) {
  const requestId = crypto.randomUUID();
  ownRequests.add(requestId);
  try {
    await ask("DELETE", pathOf(id), { requestId });
  } catch (failure) {
    if (/** @type {Failure} */ (failure).status !== 404) throw failure;
  }
  takeDeletion(id);
}
