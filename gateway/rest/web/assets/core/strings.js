// The texts of the app. Those of signing in are in ../signin/strings.js, and those of views that are
// not seen first in ../views/strings.js.

import { isolating } from "./html.js";
import { either } from "./locale.js";

/** @typedef {import("./api.js").Failure} Failure */

/** @param {number} n @param {string} one @param {string} [many] */
export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

const quoted = (/** @type {string} */ value) => `“${value}”`;

const verbs = { CREATE: "add", READ: "see", UPDATE: "change", DELETE: "delete" };
const nouns = { objective: "objectives", key_result: "key results" };

/**
 * What is said of each reason of an error. Views add those of their own.
 * @type {Record<string, string>}
 */
export const reasons = {
  TOKEN_MISSING: "Your session has ended. What you typed is kept: sign in again, then send it once more.",
  TOKEN_INVALID: "Your session has ended. What you typed is kept: sign in again, then send it once more.",
  TOKEN_EXPIRED: "Your session has ended. What you typed is kept: sign in again, then send it once more.",
  ROLE_MISSING: "Your role does not allow this any more. Nothing was changed, and what you typed is kept.",
  AUTHZ_UNAVAILABLE: "The service that checks permissions does not answer. Nothing was changed, and what you typed is kept. Try again in a moment.",
  RATE_LIMITED: "That was a lot at once. Wait a little, then try again; what you typed is kept.",
  OBJECTIVE_NOT_FOUND: "This objective is not there any more. Somebody may have deleted it.",
  KEY_RESULT_NOT_FOUND: "This key result is not there any more. Somebody may have deleted it.",
  ORGANIZATION_DELETED: "The data of this organization was deleted.",
  ETAG_MISMATCH: "Somebody else changed this at the same moment. Look at it again, then try once more.",
  ORGANIZATION_NOT_FOUND: "You cannot enter this organization. Its administrators can invite you.",
  STYTCH_DENIED: "Your role does not allow this.",
};

/**
 * A failure in a sentence or two: what happened, and what can be done.
 * @param {Failure} failed
 */
function failure(failed) {
  if (failed.status === 0) return "The server did not answer. What you typed is kept. Check the connection and try again.";
  if (failed.violations.length > 0) return failed.violations.map((v) => `${v.field ? `${v.field.replace(/.*\./, "").replaceAll("_", " ")}: ` : ""}${v.description}.`).join(" ");
  if (failed.reason === "STYTCH_DENIED" && failed.metadata.roles) return `Your role does not allow this. It takes the role ${roleNames(failed.metadata.roles.split(" "))}.`;
  if (reasons[failed.reason]) return reasons[failed.reason];
  if (failed.status === 401) return reasons.TOKEN_EXPIRED;
  if (failed.status === 503 || failed.status === 502 || failed.status === 504) return "The service is not available right now. What you typed is kept. Try again in a moment.";
  if (failed.status >= 500) return "Something went wrong on our side. What you typed is kept. Try again; if it stays, tell us the number.";
  return failed.message || "That did not work.";
}

const roles = { stytch_admin: "CEO", manager: "Manager", stytch_member: "Employee" };

/** @param {string[]} ids */
const roleNames = (ids) => either.format(ids.map((id) => roles[/** @type {keyof typeof roles} */ (id)] ?? id));

export const text = isolating({
  product: "OKR Manager",
  titled: (/** @type {string} */ title) => `${title} – OKR Manager`,
  skip: "Skip to the content",
  loading: "Loading …",
  tryAgain: "Try again",
  viewBroken: "This part of the page could not be loaded. Check the connection and try again.",
  number: "Number:",
  you: "You",
  save: "Save",
  saved: "Saved.",
  set: "Set",
  cancel: "Cancel",
  keep: "Keep",
  dismiss: "Dismiss",
  copy: "Copy",
  copied: "Copied.",
  empty: "Write something first.",
  tooLong: (/** @type {number} */ limit) => `That is too long: at most ${limit} characters, please.`,
  restApi: "REST API",
  quoted,
  failure,
  roles,
  roleNames,

  why: (/** @type {string} */ role, /** @type {keyof typeof verbs} */ action, /** @type {keyof typeof nouns} */ resource) =>
    `Your role (${role}) cannot ${verbs[action]} ${nouns[resource]}.`,

  whyNot: (/** @type {string} */ role, /** @type {string[]} */ roles) =>
    `Your role (${role}) does not allow this.${roles.length > 0 ? ` It takes the role ${either.format(roles)}.` : ""}`,

  nav: {
    label: "Main", objectives: "Objectives", checkIns: "Check-ins", activity: "Activity", proposals: "Proposals", members: "Members", settings: "Settings",
    agents: "Agents", about: "Help",
  },

  theme: { label: "Colours", system: "Auto", light: "Light", dark: "Dark" },

  menu: "account menu",

  live: {
    cut: "Not live: connecting again …",
    back: "Live again.",
    who: (/** @type {string} */ name, /** @type {string} */ client) => `${name || "Somebody"}${client ? ` via ${client}` : ""}`,
    justNow: "just now",
  },

  signIn: { short: "Sign in", done: "You are signed in." },

  consentFirst: "An application asks for access to your objectives. Sign in to see what it asks for.",

  titles: {
    objectives: "Objectives", objective: "Objective", members: "Members", settings: "Settings", agents: "Connected agents", about: "About and help",
    checkIns: "My check-ins", activity: "Activity", proposals: "Proposals", consent: "Allow access", organizations: "Your organizations", signIn: "Sign in",
  },
});
