// The objectives of the organization as this page knows them. What the server answers and what the log of changes says
// both end here; the newer state of each resource wins, in whatever order they come.

import { batch, computed, signal } from "../vendor/signals.js";
import { segment } from "../core/api.js";
import { draftOf, requestIdOf } from "../core/drafts.js";
import { ask } from "../core/session.js";
import { older, withKeyResult, withoutKeyResult } from "./rules.js";

/** @typedef {import("../core/api.js").Objective} Objective */
/** @typedef {import("../core/api.js").KeyResult} KeyResult */
/** @typedef {import("../core/api.js").Failure} Failure */

/** The ids of the objectives, newest first; null while they are not known. */
export const order = signal(/** @type {string[]|null} */ (null));

/** How many are loaded, while it lasts. */
export const loading = signal(0);

/** Why they could not be loaded. */
export const problem = signal(/** @type {Failure|null} */ (null));

/** What was deleted by others while something was typed for it, and by whom. It is shown until that is settled. */
export const gone = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));

/** @type {Map<string, import("../vendor/signals.js").Signal<Objective>>} */
const objectives = new Map();
/** Which objective a key result belongs to. @type {Map<string, string>} */
const parents = new Map();
/** What is deleted, for changes that arrive late. @type {Set<string>} */
const deleted = new Set();

/** How far the organization has come, over all objectives. */
export const summary = computed(() => {
  const all = (order.value ?? []).map((id) => objectiveOf(id).value);
  const measured = all.filter((o) => o.progress !== undefined);
  const sum = measured.reduce((total, o) => total + /** @type {number} */ (o.progress), 0);
  return {
    objectives: all.length,
    keyResults: all.reduce((total, o) => total + o.keyResults.length, 0),
    progress: measured.length > 0 ? Math.round(sum / measured.length) : undefined,
  };
});

/** @param {string} id */
export const objectiveOf = (id) => /** @type {import("../vendor/signals.js").Signal<Objective>} */ (objectives.get(id));

/**
 * An objective or key result as it is known now.
 * @param {string} id
 * @returns {Objective|KeyResult|undefined}
 */
export function find(id) {
  const objective = objectives.get(parents.get(id) ?? id)?.peek();
  return objective?.id === id ? objective : objective?.keyResults.find((kr) => kr.id === id);
}

/** Forgets everything, for another person or organization. */
export function reset() {
  batch(() => {
    order.value = null;
    problem.value = null;
    gone.value = new Map();
  });
  objectives.clear();
  parents.clear();
  deleted.clear();
}

/** Loads all pages. Answers the cursor from which to watch for changes; "" if that failed. */
export async function load() {
  /** @type {Objective[]} */
  const all = [];
  let cursor = "";
  let token = "";
  try {
    do {
      const page = await ask("GET", `objectives?pageSize=200${token && `&pageToken=${encodeURIComponent(token)}`}`);
      if (!token) cursor = page.cursor;
      all.push(...page.objectives);
      loading.value = all.length;
      token = page.nextPageToken;
    } while (token);
  } catch (failure) {
    problem.value = /** @type {Failure} */ (failure);
    return "";
  } finally {
    loading.value = 0;
  }
  batch(() => {
    const before = [...objectives.values()].map((known) => known.peek());
    const lost = new Map(gone.peek());
    objectives.clear();
    parents.clear();
    for (const objective of all) put(objective);
    for (const objective of before) keepInUse(objective, lost);
    gone.value = lost;
    order.value = [...objectives.keys()].sort().reverse();
    problem.value = null;
  });
  return cursor;
}

/**
 * Keeps what was deleted unseen while something was typed for it.
 * @param {Objective} before as it was known
 * @param {Map<string, string>} lost
 */
function keepInUse(before, lost) {
  const now = objectives.get(before.id)?.peek();
  if (!now && usedWithin(before)) {
    put(before);
    lost.set(before.id, lost.get(before.id) ?? "");
    return;
  }
  for (const kr of now ? before.keyResults : []) {
    if (inUse(kr.id) && !parents.has(kr.id)) {
      put(withKeyResult(objectiveOf(before.id).peek(), kr));
      lost.set(kr.id, lost.get(kr.id) ?? "");
    }
  }
}

/** @param {Objective} objective */
function put(objective) {
  const known = objectives.get(objective.id);
  if (known) known.value = objective;
  else objectives.set(objective.id, signal(objective));
  for (const kr of objective.keyResults) parents.set(kr.id, objective.id);
}

/**
 * Takes in an objective's own fields. Answers whether that was news.
 * @param {Objective} fresh with its key results only where it is new
 */
export function takeObjective(fresh) {
  if (deleted.has(fresh.id)) return false;
  const known = objectives.get(fresh.id);
  if (!known) {
    put({ ...fresh, keyResults: fresh.keyResults ?? [] });
    order.value = [...(order.peek() ?? []), fresh.id].sort().reverse();
    return true;
  }
  const before = known.peek();
  if (before.etag === fresh.etag || older(fresh, before)) return false;
  known.value = { ...fresh, keyResults: before.keyResults, progress: before.progress };
  return true;
}

/**
 * Takes in a key result. Answers whether that was news.
 * @param {KeyResult} fresh
 */
export function takeKeyResult(fresh) {
  const objective = objectives.get(fresh.objectiveId);
  if (!objective || deleted.has(fresh.id)) return false;
  const before = objective.peek().keyResults.find((kr) => kr.id === fresh.id);
  if (before && (before.etag === fresh.etag || older(fresh, before))) return false;
  put(withKeyResult(objective.peek(), fresh));
  return true;
}

/** The keys of the drafts that something can have. @param {string} id */
const draftKeys = (id) => [`title ${id}`, `attainment ${id}`, `add ${id}`];

/** @param {string} id */
const inUse = (id) => draftKeys(id).some((key) => draftOf(key).peek());

/** @param {Objective|KeyResult} item */
const usedWithin = (item) => inUse(item.id) || ("keyResults" in item && item.keyResults.some((kr) => inUse(kr.id)));

/**
 * Takes in a deletion. Answers whether that was news.
 * @param {string} id
 * @param {string} [by] who did it, if it was somebody else: then what is being edited stays until that is settled
 */
export function takeDeletion(id, by) {
  if (deleted.has(id) || !find(id)) return false;
  deleted.add(id);
  const item = /** @type {Objective|KeyResult} */ (find(id));
  if (by !== undefined && usedWithin(item)) gone.value = new Map(gone.peek()).set(id, by);
  else remove(id);
  return true;
}

/** @param {string} id */
function remove(id) {
  const parent = parents.get(id);
  if (parent === undefined) {
    order.value = (order.peek() ?? []).filter((other) => other !== id);
    objectives.delete(id);
    return;
  }
  parents.delete(id);
  const objective = objectives.get(parent);
  if (objective) objective.value = withoutKeyResult(objective.peek(), id);
}

/**
 * Lets go of something that was deleted while it was edited.
 * @param {string} id
 */
export function dismiss(id) {
  const rest = new Map(gone.peek());
  rest.delete(id);
  batch(() => {
    gone.value = rest;
    remove(id);
  });
}

/** The ids of requests that this page made: their changes are no news to whoever made them. */
export const ownRequests = /** @type {Set<string>} */ (new Set());

/** @param {string} draft key of the draft that a request sends */
function request(draft) {
  const id = requestIdOf(draft);
  ownRequests.add(id);
  return id;
}

/** @param {string} title @param {string} draft */
export async function createObjective(title, draft) {
  const made = await ask("POST", "objectives", { body: { title }, requestId: request(draft) });
  takeObjective(made);
  return /** @type {Objective} */ (made);
}

/** @param {string} objectiveId @param {string} title @param {string} draft */
export async function createKeyResult(objectiveId, title, draft) {
  const path = `objectives/${segment(objectiveId)}/keyResults`;
  const made = await ask("POST", path, { body: { title }, requestId: request(draft) });
  takeKeyResult(made);
  return /** @type {KeyResult} */ (made);
}

/** @param {string} id */
const isKeyResult = (id) => id.startsWith("kr_");

/** @param {string} id */
const pathOf = (id) => `${isKeyResult(id) ? "keyResults" : "objectives"}/${segment(id)}`;

/**
 * Changes one field, unless somebody else has changed that field since `base`. Answers whether it was changed; if not,
 * the store holds what somebody else made of it. Changes of other fields do not stand in the way.
 * @param {string} id
 * @param {"title"|"attainment"} field
 * @param {string|number|undefined} base
 * @param {(etag: string) => Promise<Objective|KeyResult>} send
 */
async function guarded(id, field, base, send) {
  for (let attempt = 1; ; attempt += 1) {
    const known = find(id);
    if (!known || /** @type {KeyResult} */ (known)[field] !== base) return false;
    try {
      take(await send(known.etag));
      return true;
    } catch (failure) {
      if (/** @type {Failure} */ (failure).reason !== "ETAG_MISMATCH" || attempt === 3) throw failure;
      take(await ask("GET", pathOf(id)));
    }
  }
}

/** @param {Objective|KeyResult} fresh */
function take(fresh) {
  if (isKeyResult(fresh.id)) takeKeyResult(/** @type {KeyResult} */ (fresh));
  else takeObjective(/** @type {Objective} */ (fresh));
}

/** @param {string} id @param {string} title @param {string} base @param {string} draft */
export const changeTitle = (id, title, base, draft) => guarded(id, "title", base,
  (etag) => ask("PATCH", pathOf(id), { body: { title }, etag, requestId: request(draft) }));

/** @param {string} id @param {number} attainment @param {number} base @param {string} draft */
export const setAttainment = (id, attainment, base, draft) => guarded(id, "attainment", base,
  (etag) => ask("POST", `${pathOf(id)}:setAttainment`, { body: { attainment, requestId: request(draft) }, etag }));

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
