// What the member may do to the organization, its members and its connections. Stytch decides on every call; this is for
// showing beforehand what cannot be done, and why.

import { signal } from "../vendor/signals.js";
import { ask, role, session } from "./session.js";
import { text } from "./strings.js";

/** @typedef {{permission: string, granted: boolean, roles: string[]}} Permission */
/** @typedef {{roleId: string, displayName: string, description: string, implicit: boolean, administrator: boolean}} Role */

/** @type {import("../vendor/signals.js").Signal<Map<string, Permission>>} */
const access = signal(new Map());

/** The roles of the access policy. */
export const policyRoles = signal(/** @type {Role[]} */ ([]));

/** Finds out. Throws Failure. */
export async function loadAccess() {
  const [{ permissions }, { roles }] = await Promise.all([ask("GET", "organization/administrationAccess"), ask("GET", "roles")]);
  access.value = new Map(permissions.map((/** @type {Permission} */ p) => [p.permission, p]));
  policyRoles.value = roles;
}

/** Whether the member may do something. @param {string} permission such as "stytch.member:create" */
export const may = (permission) => access.value.get(permission)?.granted ?? false;

/**
 * Why the member may not do something; "" if allowed.
 * @param {string} permission
 */
export function whyNot(permission) {
  const current = session.value;
  if (!current || may(permission)) return "";
  return text.whyNot(role(current), (access.value.get(permission)?.roles ?? []).map(roleName));
}

/** What people call a role. @param {string} id */
export const roleName = (id) => policyRoles.value.find((r) => r.roleId === id)?.displayName || id;
