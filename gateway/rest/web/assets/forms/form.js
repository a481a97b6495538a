// A form over something that others may change meanwhile. The draft holds those fields alone that somebody has changed
// here; the others show what the item is now.

import { draftOf, setDraft } from "../core/drafts.js";

/** @typedef {Record<string, string>} Fields */
/** @typedef {ReturnType<typeof useForm>} Form */

/**
 * @param {string} key of the draft
 * @param {Fields} now what the fields are without the draft
 */
export function useForm(key, now) {
  const { fields = {}, was = {} } = draftOf(key).value ?? {};
  const put = (/** @type {(fields: Fields, was: Fields) => void} */ change) => {
    const draft = draftOf(key).peek() ?? { value: "" };
    const next = { fields: { ...draft.fields }, was: { ...draft.was } };
    change(next.fields, next.was);
    setDraft(key, { value: draft.value, base: draft.base, ...next });
  };
  const changed = Object.keys(fields).filter((name) => fields[name].trim() !== (now[name] ?? ""));
  const conflicts = changed.filter((name) => was[name] !== (now[name] ?? ""));
  return {
    changed, conflicts, was, fields,
    /** What a field shows. @param {string} name */
    value: (name) => fields[name] ?? now[name] ?? "",
    /** @param {Fields} part */
    set: (part) => put((typed, before) => {
      for (const [name, value] of Object.entries(part)) {
        before[name] ??= now[name] ?? "";
        typed[name] = value;
        if (value === before[name]) {
          delete typed[name];
          delete before[name];
        }
      }
    }),
    /** Goes on with what was typed here, over what somebody else made of it. */
    keepMine: () => put((_, before) => {
      for (const name of conflicts) before[name] = now[name] ?? "";
    }),
    /** Lets go of what somebody else has changed, too. */
    takeTheirs: () => put((typed, before) => {
      for (const name of conflicts) {
        delete typed[name];
        delete before[name];
      }
    }),
  };
}
