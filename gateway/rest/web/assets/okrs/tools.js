// What can be done with an objective or key result: editing it, in ../forms/editor.js, and deleting it, which asks first.

import { useSignal } from "../vendor/signals.js";
import { draftOf, openForm } from "../core/drafts.js";
import { html } from "../core/html.js";
import { why } from "../core/session.js";
import { Button } from "../ui/button.js";
import { Lazy } from "../ui/lazy.js";
import { parts } from "./parts.js";
import { words } from "./strings.js";

/** @typedef {import("../core/api.js").Objective|import("../core/api.js").KeyResult} Item */

/** @param {Item} item */
export const editKey = (item) => `edit ${item.id}`;

/** Whether something is being edited. @param {Item} item */
export const editing = (item) => draftOf(editKey(item)).value !== undefined;

/** Where the focus goes after editing: the button that began it. @param {Item} item */
export const editButtonId = (item) => `edit-${item.id}`;

/**
 * @param {{item: Item, resource: import("../core/session.js").Resource, denied: string, closed?: string,
 *   focusAfter: () => HTMLElement|null, children?: any}} props
 * denied: why it cannot be edited; closed: why it cannot be deleted, besides the role; children: more tools
 */
export function Tools({ item, resource, denied, closed, focusAfter, children }) {
  const asking = useSignal(false);
  return html`
    <div class="tools">
      ${children}
      ${!editing(item) && html`<${Button} id=${editButtonId(item)} kind="quiet" icon="edit" label=${words.editing(item.title)}
        why=${denied} onClick=${() => openForm(editKey(item), { value: "" })} />`}
      <${Button} kind="quiet" icon="bin" label=${words.delete(item.title)} why=${closed || why("DELETE", resource)}
        onClick=${() => { asking.value = true; }} />
      ${asking.value && html`
        <${Lazy} load=${parts.delete} item=${item} resource=${resource} focusAfter=${focusAfter} onClose=${() => { asking.value = false; }} />`}
    </div>`;
}
