// Choices in the settings: one of a few, and below it some of a few.

import { html } from "../core/html.js";

/**
 * Options of the enum Admission.
 * @param {Record<string, string>} words what each says, by its name without the prefix
 */
export const admissions = (words) => Object.entries(words).map(([name, says]) => [`ADMISSION_${name}`, says]);

/**
 * One of a few.
 * @param {{name: string, label: string, value: string, options: string[][], denied: string, onChoose: (value: string) => void,
 *   children?: any}} props options: values, and what each says. children: what RESTRICTED is restricted to.
 */
export function Choice({ name, label, value, options, denied, onChoose, children }) {
  return html`
    <fieldset class="choice" aria-describedby=${denied ? `${name}-why` : null}>
      <legend class="label">${label}</legend>
      ${denied && html`<p class="hint" id=${`${name}-why`}>${denied}</p>`}
      ${options.map(([option, says]) => html`
        <label><input type="radio" name=${name} checked=${value === option} aria-disabled=${denied ? "true" : null}
          onClick=${(/** @type {Event} */ event) => denied && event.preventDefault()}
          onChange=${() => onChoose(option)} /><span>${says}</span></label>
        ${option === "ADMISSION_RESTRICTED" && children}`)}
    </fieldset>`;
}

/**
 * Some of a few, below a choice.
 * @param {{label: string, options: string[][], chosen: string[], denied: string, onChoose: (chosen: string[]) => void}} props
 */
export function Several({ label, options, chosen, denied, onChoose }) {
  return html`
    <div class="choice nested" role="group" aria-label=${label}>${options.map(([option, says]) => html`
      <label><input type="checkbox" checked=${chosen.includes(option)} aria-disabled=${denied ? "true" : null}
        onChange=${(/** @type {Event} */ event) => {
          const box = /** @type {HTMLInputElement} */ (event.currentTarget);
          if (denied) box.checked = !box.checked;
          else onChoose(box.checked ? [...chosen, option] : chosen.filter((other) => other !== option));
        }} /><span>${says}</span></label>`)}</div>`;
}
