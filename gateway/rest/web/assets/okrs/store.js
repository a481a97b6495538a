// The objectives of the organization as this page knows them. What the server answers and what the log of changes says
// both end here; the newer state of each resource wins, in whatever order they come.

import { batch, computed, signal } from "../vendor/signals.js";
import { segment } from "../core/api.js";
import { drafted } from "../core/drafts.js";
import { ask } from "../core/session.js";
import { matches, queryOf } from "./filter.js";
import { derived, older, withKeyResult, withoutKeyResult } from "./rules.js";

/** @typedef {import("../core/api.js").Objective} Objective */
/** @typedef {import("../core/api.js").KeyResult} KeyResult */
/** @typedef {import("../core/api.js").Failure} Failure */

/** The ids of the objectives, newest first; null while they are not known. */
export const order = signal(/** @type {string[]|null} */ (null));

/** How many are loaded, while it lasts. */
export const loading = signal(0);

/** Whether objectives are being loaded. */
export const pending = signal(false);

/** Which objectives are wanted. Others may be known, too: those that were wanted before, or that have changed since. */
export const wanted = signal(/** @type {import("./filter.js").Filter} */ ({ cycle: "", owner: "", state: "", text: "" }));

/** Why they could not be loaded. */
export const problem = signal(/** @type {Failure|null} */ (null));

/** What was deleted by others while something was typed for it, and by whom. It is shown until that is settled. */
export const gone = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));

/** What others changed a moment ago, and who, by id. */
export const touched = signal(/** @type {ReadonlyMap<string, string>} */ (new Map()));

/** @type {Map<string, import("../vendor/signals.js").Signal<Objective>>} */
const objectives = new Map();
/**
 * What cards read: an objective keeps its own, also when it is loaded anew. A card that is there is not drawn again for
 * another one.
 * @type {typeof objectives}
 */
const cells = new Map();
/** Which objective a key result belongs to. @type {Map<string, string>} */
const parents = new Map();
/** What is deleted, for changes that arrive late. @type {Set<string>} */
const deleted = new Set();

/** The ids of the objectives to show: those that are wanted, and those that somebody has begun to change. */
export const shown = computed(() => order.value?.filter((id) => {
  const objective = objectiveOf(id).value;
  return matches(wanted.value, objective) || gone.value.has(id) || usedWithin(objective);
}) ?? null);

/** How far the organization has come, over the objectives that are shown. */
export const summary = computed(() => {
  const seen = (shown.value ?? []).map((id) => objectiveOf(id).value);
  const measured = seen.filter((o) => o.progress !== undefined);
  const sum = measured.reduce((total, o) => total + /** @type {number} */ (o.progress), 0);
  return {
    objectives: seen.length,
    keyResults: seen.reduce((total, o) => total + o.keyResults.length, 0),
    progress: measured.length > 0 ? Math.round(sum / measured.length) : undefined,
  };
});

/** Whether one of them contributes to another objective. */
export const parented = computed(() => shown.value?.some((id) => objectiveOf(id).value.parentId) ?? false);

/** @param {string} id */
export const objectiveOf = (id) => /** @type {import("../vendor/signals.js").Signal<Objective>} */ (objectives.get(id));

/** All objectives that are known, newest first. */
export const all = () => (order.value ?? []).map((id) => objectiveOf(id).value);

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
  cells.clear();
  parents.clear();
  deleted.clear();
}

/** The objectives that changes were taken for since the newest load began: what it finds may be older. @type {Set<string>} */
const heard = new Set();

let loads = 0;
let latest = Promise.resolve("");

/**
 * Loads all pages of what is wanted. Answers the cursor from which to watch for changes; "" if that failed. Where
 * something else is wanted before it is done, that is loaded instead.
 */
export function load() {
  heard.clear();
  latest = loadPages(loads += 1);
  return latest;
}

/** @param {number} own @returns {Promise<string>} */
async function loadPages(own) {
  const { under } = wanted.peek();
  const query = queryOf(wanted.peek());
  /** @type {Objective[]} */
  const found = [];
  let cursor = "";
  pending.value = true;
  try {
    for (let token; token !== "";) {
      if (token) query.set("pageToken", token);
      const page = await ask("GET", `objectives?${query}`);
      if (own !== loads) return latest;
      cursor ||= page.cursor;
      found.push(...page.objectives);
      loading.value = found.length;
      token = page.nextPageToken;
    }
    if (under) await add(found, under);
    await addUsed(found);
    if (own !== loads) return latest;
  } catch (failure) {
    if (own !== loads) return latest;
    problem.value = /** @type {Failure} */ (failure);
    return "";
  } finally {
    if (own === loads) {
      loading.value = 0;
      pending.value = false;
    }
  }
  batch(() => {
    const before = [...objectives.values()].map((known) => known.peek());
    const lost = new Map(gone.peek());
    objectives.clear();
    parents.clear();
    for (const objective of found) {
      if (!deleted.has(objective.id)) put(derived({ ...objective, keyResults: objective.keyResults.filter((kr) => !deleted.has(kr.id)) }));
    }
    for (const objective of before) {
      if (heard.has(objective.id)) keepNewer(objective);
      keepInUse(objective, lost);
    }
    gone.value = lost;
    order.value = [...objectives.keys()].sort().reverse();
    problem.value = null;
  });
  return cursor;
}

/**
 * Adds those objectives that something was typed for and that are not wanted any more.
 * @param {Objective[]} found
 */
async function addUsed(found) {
  const ids = new Set(found.map((objective) => objective.id));
  for (const known of [...objectives.values()].map((one) => one.peek())) {
    const { id } = known;
    if (!ids.has(id) && !gone.peek().has(id) && usedWithin(known)) await add(found, id);
  }
}

/** Adds an objective, if it is there. @param {Objective[]} found @param {string} id */
async function add(found, id) {
  try {
    found.push(await ask("GET", pathOf(id)));
  } catch (failure) {
    if (/** @type {Failure} */ (failure).status !== 404) throw failure;
  }
}

/** Keeps what has changed since a load began. @param {Objective} before as it was known */
function keepNewer(before) {
  if (objectives.has(before.id)) {
    takeObjective(before);
    before.keyResults.forEach(takeKeyResult);
  } else put(before);
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

/** Whether two say the same. @param {unknown} a @param {unknown} b */
export const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/** @param {Objective} objective */
function put(objective) {
  const known = cells.get(objective.id);
  if (known && !same(known.peek(), objective)) known.value = objective; // what says the same is not drawn again
  const cell = known ?? signal(objective);
  cells.set(objective.id, cell);
  objectives.set(objective.id, cell);
  for (const kr of objective.keyResults) parents.set(kr.id, objective.id);
}

/**
 * Takes in an objective's own fields. Answers whether that was news.
 * @param {Objective} fresh with its key results only where it is new
 */
export function takeObjective(fresh) {
  if (deleted.has(fresh.id)) return false;
  heard.add(fresh.id);
  const known = objectives.get(fresh.id);
  if (!known) {
    put(derived({ ...fresh, keyResults: fresh.keyResults ?? [] }));
    order.value = [...(order.peek() ?? []), fresh.id].sort().reverse();
    return true;
  }
  const before = known.peek();
  if (before.etag === fresh.etag || older(fresh, before)) return false;
  known.value = derived({ ...fresh, keyResults: before.keyResults });
  return true;
}

/** Takes in an objective that was not wanted and may be now. @param {string} id */
export async function discover(id) {
  if (objectives.has(id) || deleted.has(id)) return;
  const fresh = await ask("GET", pathOf(id));
  if (matches(wanted.peek(), fresh)) takeObjective(fresh);
}

/**
 * Takes in a key result. Answers whether that was news.
 * @param {KeyResult} fresh
 */
export function takeKeyResult(fresh) {
  const objective = objectives.get(fresh.objectiveId);
  if (!objective || deleted.has(fresh.id)) return false;
  heard.add(fresh.objectiveId);
  const before = objective.peek().keyResults.find((kr) => kr.id === fresh.id);
  if (before && (before.etag === fresh.etag || older(fresh, before))) return false;
  put(withKeyResult(objective.peek(), fresh));
  return true;
}

/** Whether something was typed for it. @param {string} id */
const inUse = (id) => drafted.value.includes(id);

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

/** Something that was deleted is there again, because that was undone. @param {string} id */
export const revive = (id) => { deleted.delete(id); };

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

/** @param {string} id */
const isKeyResult = (id) => id.startsWith("kr_");

/** @param {string} id */
export const pathOf = (id) => `${isKeyResult(id) ? "keyResults" : "objectives"}/${segment(id)}`;

/** The address of an objective's page. @param {string} id */
export const addressOf = (id) => `/objective?id=${id}`;

/** Takes in what is known to be there. @param {Objective|KeyResult} fresh */
export function take(fresh) {
  if (isKeyResult(fresh.id)) takeKeyResult(/** @type {KeyResult} */ (fresh));
  else takeObjective(/** @type {Objective} */ (fresh));
}
