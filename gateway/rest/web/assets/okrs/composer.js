// Adding an objective or a key result. The form stays open as long as there is a draft for it.

import { useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { useAction } from "../core/action.js";
import { draftOf, justOpened, setDraft } from "../core/drafts.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";

/**
 * @param {{name: string, label: string, hint: string, submit: string, denied: string, onAdd: (value: string) => Promise<void>,
 *   onClose: () => void}} props name: key of the draft
 */
export function Composer({ name, label, hint, submit, denied, onAdd, onClose }) {
  const box = useRef(/** @type {HTMLFormElement|null} */ (null));
  const value = draftOf(name).value?.value ?? "";
  const { busy, failure, run } = useAction(async () => {
    await onAdd(value.trim());
    box.current?.querySelector("textarea")?.focus();
  });
  useLayoutEffect(() => {
    if (justOpened(name)) box.current?.querySelector("textarea")?.focus();
  }, []);
  const close = () => {
    setDraft(name, undefined);
    onClose();
  };
  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!denied && value.trim()) run();
  };
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && value === "") close();
  };
  return html`
    <form class="editor composer" id=${name} ref=${box} onSubmit=${add} onKeyDown=${escape} novalidate>
      <${Field} label=${label} hint=${hint} long maxlength="500" value=${value} readonly=${Boolean(denied)}
        onValue=${(/** @type {string} */ typed) => setDraft(name, { value: typed })} />
      <p class="actions">
        <${Button} kind="primary" submit busy=${busy.value} why=${denied || (value.trim() ? "" : text.empty)}>${submit}<//>
        <${Button} onClick=${close}>${text.cancel}<//>
      </p>
      <${Problem} failure=${failure.value} />
    </form>`;
}
