// What became of a sign-in that led through another site, where it did not succeed.

import { signal } from "../vendor/signals.js";

/** @typedef {{problem: string, number: string}} Arrival */

/** null if there is nothing to say, or once it has been dealt with. */
export const arrival = signal(/** @type {Arrival|null} */ (null));

/** Whether an address was proven, and an organization asks for more than that. @param {Arrival|null} arrived */
export const unfinished = (arrived) => arrived?.problem === "AUTHENTICATE_AGAIN" || arrived?.problem === "SECOND_FACTOR";
