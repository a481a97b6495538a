// Sending what was typed in a form. The form closes at once, and the page shows what is to be; if that does not come about,
// the form is there again as it was left, with the reason.

import { batch, signal } from "../vendor/signals.js";
import { Failure } from "../core/api.js";
import { draftOf, openForm, sending, setDraft } from "../core/drafts.js";

/** @typedef {import("../core/drafts.js").Draft} Draft */

const failures = signal(/** @type {ReadonlyMap<string, Failure>} */ (new Map()));

/** Why the draft of a form could not be sent; null if nothing is wrong. @param {string} key */
export const failureOf = (key) => failures.value.get(key) ?? null;

/** @param {string} key @param {Failure|null} failure */
function note(key, failure) {
  const next = new Map(failures.peek());
  if (failure) next.set(key, failure);
  else next.delete(key);
  failures.value = next;
}

/** Forgets a form with all that was typed. @param {string} key */
export const forget = (key) => batch(() => {
  note(key, null);
  setDraft(key, undefined);
});

/**
 * Sends a draft. Answers whether it was taken.
 * @param {string} key
 * @param {string} after the id of what has the focus meanwhile
 * @param {(key: string) => Promise<boolean>} send gets the key under which the draft is until then
 */
export async function sendDraft(key, after, send) {
  const away = sending(key);
  batch(() => {
    const { sent, ...draft } = draftOf(key).peek() ?? { value: "" };
    setDraft(away, draft);
    forget(key);
  });
  const focused = requestFocus(after);
  let failure = null;
  try {
    if (await send(away)) {
      setDraft(away, undefined);
      return true;
    }
  } catch (caught) {
    if (!(caught instanceof Failure)) throw caught;
    failure = caught;
  }
  await focused;
  const kept = draftOf(away).peek();
  if (!kept) return false; // it was deleted by others, and that is settled
  batch(() => {
    note(key, failure);
    if (document.activeElement?.matches(`body, #${after}`)) openForm(key, kept); // with the focus, unless that is elsewhere by now
    setDraft(key, together(kept, draftOf(key).peek()));
    setDraft(away, undefined);
  });
  return false;
}

/** @param {string} id */
const requestFocus = (id) => new Promise((resolve) => {
  requestAnimationFrame(() => {
    document.getElementById(id)?.focus();
    resolve(undefined);
  });
});

/**
 * A draft that comes back, with what was typed in the same form since.
 * @param {Draft} kept
 * @param {Draft|undefined} newer
 * @returns {Draft}
 */
function together(kept, newer) {
  if (!newer || newer === kept) return kept;
  return { ...newer, fields: { ...kept.fields, ...newer.fields }, was: { ...newer.was, ...kept.was } };
}
