// Dialogs. The browser keeps the focus inside, and it returns to where it was.

import { useEffect, useId, useRef } from "../vendor/preact-hooks.js";
import { html } from "../core/html.js";
import { Button } from "./button.js";

/**
 * @param {{title: string, wide?: boolean, onClose: () => void, focusAfter?: () => HTMLElement|null, children?: any}} props
 * wide: for what is read: the focus is on its title. focusAfter: where the focus goes if what had it is not there any more; the heading of the view if that is not there
 */
export function Dialog({ title, wide, onClose, focusAfter, children }) {
  const id = useId();
  const box = useRef(/** @type {HTMLDialogElement|null} */ (null));
  useEffect(() => {
    const before = document.activeElement;
    const dialog = /** @type {HTMLDialogElement} */ (box.current);
    dialog.showModal();
    return () => {
      dialog.close();
      queueMicrotask(() => { // once what goes with the dialog is gone
        if (before instanceof HTMLElement && before.isConnected) before.focus();
        else (focusAfter?.() ?? document.querySelector("h1"))?.focus();
      });
    };
  }, []);
  const cancel = (/** @type {Event} */ event) => {
    event.preventDefault();
    onClose();
  };
  return html`
    <dialog ref=${box} class=${wide ? "wide" : null} aria-labelledby=${id} onCancel=${cancel}>
      <h2 id=${id} tabindex=${wide ? "-1" : null} autofocus=${wide}>${title}</h2>
      ${children}
    </dialog>`;
}

/**
 * Asks before something that cannot be undone. The focus is on keeping.
 * @param {{title: string, yes: string, no: string, busy: boolean, onYes: () => void, onNo: () => void,
 *   focusAfter?: () => HTMLElement|null, children?: any}} props
 */
export function Confirm({ title, yes, no, busy, onYes, onNo, focusAfter, children }) {
  return html`
    <${Dialog} title=${title} onClose=${onNo} focusAfter=${focusAfter}>
      ${children}
      <p class="actions">
        <${Button} onClick=${onNo} autofocus>${no}<//>
        <${Button} kind="danger" busy=${busy} onClick=${onYes}>${yes}<//>
      </p>
    <//>`;
}
