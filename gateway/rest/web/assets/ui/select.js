// One of several, in the control that every system has for it.

import { useId } from "../vendor/preact-hooks.js";
import { classes, html } from "../core/html.js";

/**
 * @param {{label: string, hint?: string, error?: string, value: string, options: [value: string, name: string][],
 *   readonly?: boolean, onValue: (value: string) => void, [attribute: string]: any}} props
 */
export function Select({ label, hint, error, value, options, readonly, onValue, ...rest }) {
  const id = useId();
  const change = (/** @type {Event} */ event) => {
    const control = /** @type {HTMLSelectElement} */ (event.currentTarget);
    if (readonly) control.value = value;
    else onValue(control.value);
  };
  return html`
    <div class="field">
      <label for=${id}>${label}</label>
      ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
      <select id=${id} value=${value} aria-disabled=${readonly ? "true" : null} aria-invalid=${error ? "true" : null}
        aria-describedby=${classes(hint && `${id}-hint`, error && `${id}-error`) || null} onChange=${change} ...${rest}>
        ${options.map(([one, name]) => html`<option key=${one} value=${one} selected=${one === value}>${name}</option>`)}
      </select>
      ${error && html`<p class="error" id=${`${id}-error`} role="alert">${error}</p>`}
    </div>`;
}
