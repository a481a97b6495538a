// What became of a sign-in that led through another site, where it did not succeed. The server tells it in the address of
// the sign-in page: by a name, so that nobody can put words of theirs on our page.

import { signal } from "../vendor/signals.js";
import { address } from "./router.js";

/** @typedef {{problem: string, number: string}} Arrival */

/** null if there is nothing to say, or once it has been dealt with. */
export const arrival = signal(/** @type {Arrival|null} */ (null));

/** Takes it out of the address, so that it is not said again when the page is loaded anew. */
export function takeArrival() {
  const at = new URL(location.href);
  const { searchParams: query } = at;
  const problem = query.get("problem");
  if (at.pathname !== "/signin" || !problem) return;
  const number = query.get("number") ?? "";
  arrival.value = { problem, number: /^[0-9a-f-]{36}$/.test(number) ? number : "" };
  query.delete("problem");
  query.delete("number");
  history.replaceState(null, "", at.pathname + at.search);
  address.value = at.pathname + at.search;
}

/** Whether an address was proven, and an organization asks for more than that. @param {Arrival|null} arrived */
export const unfinished = (arrived) => arrived?.problem === "AUTHENTICATE_AGAIN" || arrived?.problem === "SECOND_FACTOR";
