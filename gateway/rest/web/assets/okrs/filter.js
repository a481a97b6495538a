// Which objectives are shown. The address says so, so that a filtered list can be kept and passed on.

import { computed } from "../vendor/signals.js";
import { me } from "../core/people.js";
import { address } from "../core/router.js";
import { archived } from "./rules.js";

/**
 * @typedef {{cycle: string, owner: string, state: string, text: string, under?: string}} Filter
 * owner: a member id, or "me"; state: a state without its prefix in small letters; "" is any, but not archived. under: an
 * objective, for it and what contributes to it.
 */

/** The conditions in the order in which the address has them. */
export const conditions = /** @type {const} */ (["cycle", "owner", "state", "text"]);

const states = ["active", "closed", "archived"];

/** The filter that the address asks for. What no condition can be is left out, rather than refused. */
export const filter = computed(() => {
  const asked = new URL(address.value, location.origin).searchParams;
  const read = (/** @type {string} */ name, /** @type {RegExp} */ form) => (form.test(asked.get(name) ?? "") ? asked.get(name) ?? "" : "");
  return /** @type {Filter} */ ({
    cycle: read("cycle", /^\d{4}(-(Q[1-4]|H[12]))?$/), owner: read("owner", /^[\w-]{1,128}$/),
    state: states.includes(asked.get("state") ?? "") ? asked.get("state") : "",
    text: (asked.get("text") ?? "").slice(0, 200),
  });
});

/** How many conditions there are. @param {Filter} wanted */
export const strictness = (wanted) => conditions.filter((name) => wanted[name].trim()).length;

/** Whether there is any condition. @param {Filter} wanted */
export const filtered = (wanted) => strictness(wanted) > 0;

/** Whether they are shown as a tree. The address says that, too. */
export const asTree = computed(() => new URL(address.value, location.origin).searchParams.get("view") === "tree");

/** The query that asks the server for what the filter lets through, but for `under` itself. @param {Filter} wanted */
export function queryOf({ cycle, owner, state, text, under }) {
  const query = new URLSearchParams({ pageSize: "200" });
  if (cycle) query.set("cycle", cycle);
  if (owner) query.set("ownerId", owner);
  if (state) query.set("states", `OBJECTIVE_STATE_${state.toUpperCase()}`);
  if (text.trim()) query.set("text", text.trim());
  if (under) query.set("parentId", under);
  return query;
}

const folded = (/** @type {string} */ value) => value.toUpperCase().toLowerCase();

/**
 * Whether the filter lets an objective through, as the server sees it.
 * @param {Filter} wanted
 * @param {import("../core/api.js").Objective} objective
 */
export function matches({ cycle, owner, state, text, under }, objective) {
  if (under && objective.parentId !== under) return objective.id === under;
  if (state ? objective.state !== `OBJECTIVE_STATE_${state.toUpperCase()}` : objective.state === archived) return false;
  if (cycle && objective.cycle !== cycle) return false;
  const whose = owner === "me" ? me() : owner;
  if (whose && ![objective, ...objective.keyResults].some((item) => item.ownerId === whose)) return false;
  const words = folded(text).split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const texts = [objective.title, objective.description, ...objective.keyResults.map((kr) => kr.title)].map(folded);
  return words.every((word) => texts.some((one) => one.includes(word)));
}
