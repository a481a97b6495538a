// The organizations of the person who is signed in.

import { signal } from "../vendor/signals.js";
import { call } from "./api.js";
import { adopt, ask } from "./session.js";

/** @typedef {import("./api.js").Organization} Organization */

/** The organizations; null while they are not known. */
export const discovered = signal(/** @type {Organization[]|null} */ (null));

/** What a switch asks for before it is done; null for nothing. */
export const obstacle = signal(/** @type {{step: string, methods: string[], organization: Organization,
 *   factor: import("./api.js").SignIn["secondFactor"]}|null} */ (null));

/** Finds them, and keeps what is known where that fails. */
export async function discover() {
  try {
    discovered.value = (await call("GET", "session/organizations")).organizations;
  } catch {
    // The view of the organizations says why.
  }
}

/**
 * Goes on in another organization.
 * @param {Organization} organization
 * @returns {Promise<"done"|"more">} "more": see obstacle
 */
export async function switchTo(organization) {
  const answer = await ask("POST", "session:switchOrganization", { body: { organizationId: organization.organizationId } });
  if (answer.step === "SIGN_IN_STEP_DONE") {
    obstacle.value = null;
    adopt(answer.session);
    return "done";
  }
  obstacle.value = { step: answer.step, methods: answer.allowedAuthMethods, organization, factor: answer.secondFactor };
  return "more";
}
