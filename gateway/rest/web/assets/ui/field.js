// Fields with their label, and what is wrong with them beside them.

import { useId } from "../vendor/preact-hooks.js";
import { classes, html } from "../core/html.js";
import { text } from "../core/strings.js";

/** What is wrong with a text that has more characters than the server takes, else "". @param {string} value @param {number} limit */
export const tooLong = (value, limit) => ([...value.trim()].length > limit ? text.tooLong(limit) : "");

/**
 * @param {{label: string, hideLabel?: boolean, hint?: string, error?: string, long?: boolean, lines?: boolean, id?: string,
 *   value: string, onValue: (value: string) => void, [attribute: string]: any}} props
 * long: grows with its text, which stays one line for the server: Enter sends the form. lines: grows, and Enter begins
 * another line; with a key that is held for shortcuts it sends the form. Both take more than maxlength and say so: what is
 * pasted would be cut otherwise.
 */
export function Field({ label, hideLabel, hint, error: wrong, long, lines, id, value, onValue, maxlength, ...rest }) {
  const error = wrong || ((long || lines) && maxlength ? tooLong(value, Number(maxlength)) : "");
  const own = useId();
  const name = id ?? own;
  const described = classes(hint && `${name}-hint`, error && `${name}-error`) || null;
  const input = (/** @type {Event} */ event) => {
    const { value: typed } = /** @type {HTMLInputElement} */ (event.currentTarget);
    onValue(long ? typed.replaceAll(/[\r\n]+/g, " ") : typed);
  };
  const enter = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || event.isComposing || (lines && !event.ctrlKey && !event.metaKey)) return;
    event.preventDefault();
    /** @type {HTMLTextAreaElement} */ (event.currentTarget).form?.requestSubmit();
  };
  return html`
    <div class="field">
      <label for=${name} class=${hideLabel ? "visually-hidden" : null}>${label}</label>
      ${hint && html`<p class="hint" id=${`${name}-hint`}>${hint}</p>`}
      ${long || lines
        ? html`<textarea id=${name} rows=${lines ? "2" : "1"} value=${value} aria-invalid=${error ? "true" : null}
            aria-describedby=${described} autocomplete="off" onInput=${input} onKeyDown=${enter} ...${rest}></textarea>`
        : html`<input id=${name} value=${value} maxlength=${maxlength} aria-invalid=${error ? "true" : null} aria-describedby=${described}
            autocomplete="off" onInput=${input} ...${rest} />`}
      ${error && html`<p class="error" id=${`${name}-error`} role="alert">${error}</p>`}
    </div>`;
}
