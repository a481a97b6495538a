// What people have typed and not yet sent. It survives whatever fails, a reload, and signing in again by way of another
// page; it ends with the tab and at logout, and belongs to one person in one organization.

import { signal } from "../vendor/signals.js";

/**
 * @typedef {{value: string, base?: string, fields?: Record<string, string>, was?: Record<string, string>,
 *   sent?: boolean, requestId?: string}} Draft
 * value: what was typed; base: what it replaces, as it was when typing began; fields and was: the same for what has more
 * than one field, of those alone that were changed; sent: whether it is to be sent as soon as its form is there;
 * requestId: of the request that sends it, the same until something else is typed, so that sending it again is safe.
 */

/** @typedef {import("../vendor/signals.js").Signal<Draft|undefined>} DraftSignal */

const prefix = "okr-drafts ";
/** @type {Map<string, DraftSignal>} */
const open = new Map();
let owner = "";

/** The keys of all drafts in one text, which changes where one begins or ends. */
export const drafted = signal("");

/** @returns {Record<string, Draft>} */
function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(prefix + owner) ?? "{}");
  } catch {
    return {};
  }
}

function store() {
  const kept = [...open].filter(([, d]) => d.peek());
  drafted.value = kept.map(([key]) => key).join();
  try {
    sessionStorage.setItem(prefix + owner, JSON.stringify(Object.fromEntries(kept.map(([key, d]) => [key, d.peek()]))));
  } catch {
    // Without storage drafts live as long as the page.
  }
}

/** Where the draft of a form is while it is sent. After a reload it is in its form again. @param {string} key */
export const sending = (key) => `sending ${key}`;

/**
 * Makes the drafts of somebody the current ones.
 * @param {string} identity
 */
export function openDrafts(identity) {
  if (identity === owner) return;
  owner = identity;
  open.clear();
  for (const [key, draft] of Object.entries(stored())) open.set(key.replace(sending(""), ""), signal(/** @type {Draft|undefined} */ (draft)));
  store();
}

/**
 * The draft of a form.
 * @param {string} key
 * @returns {DraftSignal}
 */
export function draftOf(key) {
  let found = open.get(key);
  if (!found) open.set(key, found = signal(/** @type {Draft|undefined} */ (undefined)));
  return found;
}

/**
 * Notes what was typed.
 * @param {string} key
 * @param {Draft|undefined} draft undefined forgets it.
 */
export function setDraft(key, draft) {
  draftOf(key).value = draft;
  store();
}

let opening = "";

/**
 * Opens a form, which takes the focus: not so the forms that a reload finds open.
 * @param {string} key
 * @param {Draft} draft for a form that is not open yet
 */
export function openForm(key, draft) {
  opening = key;
  if (!draftOf(key).peek()) setDraft(key, draft);
}

/** Whether a form is being opened, and not there yet. @param {string} key */
export const isOpening = (key) => opening === key;

/** Whether a form was opened just now; once. @param {string} key */
export function justOpened(key) {
  const is = opening === key;
  if (is) opening = "";
  return is;
}

/**
 * The id of the request that sends a draft. It changes with what is typed, because that sets the draft anew.
 * @param {string} key
 */
export function requestIdOf(key) {
  const draft = draftOf(key).peek();
  if (draft?.requestId) return draft.requestId;
  const requestId = crypto.randomUUID();
  if (draft) setDraft(key, { ...draft, requestId });
  return requestId;
}

/** Forgets everything that was typed in this tab. */
export function forgetDrafts() {
  open.clear();
  owner = "";
  try {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith(prefix)) sessionStorage.removeItem(key);
  } catch {
    // Without storage there is nothing to forget.
  }
}
