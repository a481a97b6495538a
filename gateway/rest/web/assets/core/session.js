// Who is signed in, and what that allows.

import { computed, signal } from "../vendor/signals.js";
import { call, Failure } from "./api.js";
import { forgetDrafts } from "./drafts.js";
import { text } from "./strings.js";

/** @typedef {import("./api.js").Session} Session */

/** The session; null for nobody. It stays when it has ended, so that the page stays until somebody signs in again. */
export const session = signal(/** @type {Session|null} */ (null));

/** "loading" until it is known whether there is a session, then "in", "out", or "failed" with `failure`. */
export const state = signal("loading");

/** Why it could not be found out whether there is a session. */
export const failure = signal(/** @type {Failure|null} */ (null));

/** Whether the session that the page was opened with has ended. */
export const ended = signal(false);

/** Changes with the person and the organization: what belongs to one is not shown to another. */
export const identity = computed(() => {
  const p = session.value?.principal;
  return p ? `${p.organizationId} ${p.memberId}` : "";
});

/** What the server saw of this browser's cookies when it served the page, which no script can read. */
const { session: carried } = document.documentElement.dataset;

/** Whether somebody has proven an e-mail address here and not yet entered an organization. */
export const signingIn = carried?.includes("sign-in") ?? false;

/** Finds out who is signed in. */
export async function load() {
  if (!carried?.includes("session")) {
    state.value = "out";
    return;
  }
  try {
    adopt(await call("GET", "session"));
  } catch (caught) {
    const failed = /** @type {Failure} */ (caught);
    if (failed.status === 401) state.value = "out";
    else {
      failure.value = failed;
      state.value = "failed";
    }
  }
}

/**
 * Goes on with a session, and tells the other pages if it is news here.
 * @param {Session} found
 */
export function adopt(found) {
  const before = ended.peek() ? "" : identity.peek();
  session.value = found;
  ended.value = false;
  failure.value = null;
  state.value = "in";
  if (identity.peek() !== before) pages.postMessage(identity.peek());
}

/**
 * Calls the API for the person who is signed in. A session that has ended is noted, and so is a role that has changed;
 * the failure is thrown in any case.
 * @param {Parameters<typeof call>} args
 */
export async function ask(...args) {
  try {
    return await call(...args);
  } catch (caught) {
    const failed = /** @type {Failure} */ (caught);
    if (failed.status === 401) ended.value = true;
    if (failed.reason === "ROLE_MISSING") await renew();
    throw failed;
  }
}

/** Reads the session anew, for what has changed about it. */
export async function renew() {
  try {
    adopt(await call("GET", "session"));
  } catch (caught) {
    if (/** @type {Failure} */ (caught).status === 401) ended.value = true;
  }
}

/**
 * The other pages of this browser, which have the same session. Each tells whose it is now, "" for nobody's: a page that
 * went on showing what was there before would write into another organization.
 */
const pages = new BroadcastChannel("okr-session");
pages.onmessage = ({ data }) => {
  if (data === "") leave();
  else if (state.peek() === "in" && (ended.peek() || data !== identity.peek())) renew();
};

/** Logs out, here and in all pages of the browser. Throws Failure, and then the person is still signed in. */
export async function logOut() {
  await call("DELETE", "session");
  pages.postMessage("");
  leave();
}

/** Shows nothing any more of whoever was signed in. */
function leave() {
  forgetDrafts();
  session.value = null;
  ended.value = false;
  state.value = "out";
}

/** @typedef {"CREATE"|"READ"|"UPDATE"|"DELETE"} Action */
/** @typedef {"objective"|"key_result"} Resource */

/**
 * Why the member may not do something; "" if allowed. An ended session changes nothing about it.
 * @param {Action} action
 * @param {Resource} resource
 */
export function why(action, resource) {
  const current = session.value;
  if (!current) return "";
  const allowed = current.principal.rolePermissions.some(
    (p) => p.resource === resource && p.action === `ACTION_${action}`);
  return allowed ? "" : text.why(role(current), action, resource);
}

/**
 * The role that counts most, in words.
 * @param {Session} current
 */
export function role(current) {
  const named = ["stytch_admin", "manager", "stytch_member"].find((name) => current.principal.roles.includes(name));
  return named ? text.roles[/** @type {keyof typeof text.roles} */ (named)] : current.principal.roles.join(", ");
}

/** @param {Session} current */
export const nameOf = (current) => current.principal.displayName || current.emailAddress || text.you;
