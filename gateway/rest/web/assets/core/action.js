// Something a person sets off: it runs once at a time, and what went wrong stays where it happened.

import { useSignal } from "../vendor/signals.js";
import { Failure } from "./api.js";

/**
 * @template {any[]} A
 * @param {(...args: A) => Promise<unknown>} perform
 */
export function useAction(perform) {
  const busy = useSignal(false);
  const failure = useSignal(/** @type {Failure|null} */ (null));
  /** Answers whether it succeeded. */
  const run = async (/** @type {A} */ ...args) => {
    if (busy.peek()) return false;
    busy.value = true;
    failure.value = null;
    try {
      await perform(...args);
      return true;
    } catch (caught) {
      if (!(caught instanceof Failure)) throw caught;
      failure.value = caught;
      return false;
    } finally {
      busy.value = false;
    }
  };
  return { busy, failure, run };
}
