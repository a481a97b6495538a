// The names of the organization's members, who own objectives and key results.

import { signal } from "../vendor/signals.js";
import { ask, identity, nameOf, session } from "./session.js";

/** Names by member id; null while they are not known. */
export const people = signal(/** @type {ReadonlyMap<string, string>|null} */ (null));

let whose = "";
/** @type {Promise<void>|undefined} */
let finding;

/** Finds the names once for each organization. What is known stays where that fails. */
export function findPeople() {
  if (whose === identity.peek() && finding) return finding;
  whose = identity.peek();
  people.value = null;
  finding = find(whose).catch(() => { finding = undefined; });
  return finding;
}

/** @param {string} asker */
async function find(asker) {
  const found = new Map();
  let token = "";
  do {
    const page = await ask("GET", `members?pageSize=200${token && `&pageToken=${encodeURIComponent(token)}`}`);
    for (const { memberId, displayName } of page.members) found.set(memberId, displayName);
    token = page.nextPageToken;
  } while (token);
  if (asker === whose) people.value = found;
}

/** The id of the member who is signed in. */
export const me = () => session.value?.principal.memberId ?? "";

/** What a member is called; "" where that is not known. @param {string} id */
export function personName(id) {
  if (id && id === me() && session.value) return nameOf(session.value);
  return people.value?.get(id) ?? "";
}
