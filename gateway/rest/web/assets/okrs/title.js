// The text of an objective or key result, and editing it in place.

import { useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { useAction } from "../core/action.js";
import { draftOf, justOpened, openForm, setDraft } from "../core/drafts.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { why } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { Conflict } from "./conflict.js";
import { changeTitle } from "./store.js";

/** @typedef {import("../core/api.js").Objective|import("../core/api.js").KeyResult} Item */

/** @param {Item} item */
const keyOf = (item) => `title ${item.id}`;

/** Whether an item's text is being edited. @param {Item} item */
export const editing = (item) => draftOf(keyOf(item)).value !== undefined;

/** Begins to edit an item's text. @param {Item} item */
export const edit = (item) => openForm(keyOf(item), { value: item.title, base: item.title });

/** Where the focus goes after editing: the button that began it. @param {Item} item */
export const editButtonId = (item) => `edit-${item.id}`;

/**
 * @param {{item: Item, resource: import("../core/session.js").Resource, label: string, updater: string}} props
 */
export function TitleEditor({ item, resource, label, updater }) {
  const key = keyOf(item);
  const draft = draftOf(key).value;
  const box = useRef(/** @type {HTMLFormElement|null} */ (null));
  const denied = why("UPDATE", resource);
  const { busy, failure, run } = useAction(async (/** @type {string} */ base) => {
    const value = draftOf(key).peek()?.value.trim() ?? "";
    if (value === base || await changeTitle(item.id, value, base, key)) done(value === base ? "" : text.saved);
  });
  const done = (/** @type {string} */ message) => {
    setDraft(key, undefined);
    if (message) say(message);
    requestAnimationFrame(() => document.getElementById(editButtonId(item))?.focus());
  };
  useLayoutEffect(() => {
    const input = box.current?.querySelector("textarea");
    if (!input || !justOpened(key)) return;
    input.focus();
    input.setSelectionRange(input.value.length, input.value.length);
  }, []);
  if (!draft) return null;
  const { value, base = item.title } = draft;
  const conflict = item.title !== base && item.title !== value.trim();

  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!denied && value.trim() && !conflict) run(item.title === value.trim() ? value.trim() : base);
  };
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && value === base) done("");
  };
  return html`
    <form class="editor" ref=${box} onSubmit=${submit} onKeyDown=${escape} novalidate>
      <${Field} label=${label} hideLabel long value=${value} maxlength="500" readonly=${Boolean(denied)}
        error=${value.trim() ? "" : text.empty} onValue=${(/** @type {string} */ typed) => setDraft(key, { value: typed, base })} />
      ${conflict && html`
        <${Conflict} by=${updater} theirs=${text.quoted(item.title)} mine=${text.quoted(value)}
          onMine=${() => { setDraft(key, { value, base: item.title }); run(item.title); }} onTheirs=${() => done("")} why=${denied} />`}
      <p class="actions">
        ${!conflict && html`<${Button} kind="primary" submit busy=${busy.value} why=${denied}>${text.save}<//>`}
        <${Button} onClick=${() => done("")}>${text.cancel}<//>
      </p>
      <${Problem} failure=${failure.value} />
    </form>`;
}
