// Giving roles.

import { policyRoles } from "../core/administration.js";
import { html } from "../core/html.js";
import { useId } from "../vendor/preact-hooks.js";
import { texts } from "./strings.js";

const t = texts.members;

/**
 * @param {{chosen: import("../vendor/signals.js").Signal<string[]>, denied: string}} props
 * chosen: the roles beside the one that every member has. denied: why they cannot be changed.
 */
export function RoleChoice({ chosen, denied }) {
  const id = useId();
  const change = (/** @type {string} */ role, /** @type {Event} */ event) => {
    const box = /** @type {HTMLInputElement} */ (event.currentTarget);
    if (denied) box.checked = !box.checked;
    else chosen.value = box.checked ? [...chosen.peek(), role] : chosen.peek().filter((other) => other !== role);
  };
  return html`
    <fieldset class="choice" aria-describedby=${denied ? id : null}>
      <legend class="label">${t.roles}</legend>
      ${denied && html`<p class="hint" id=${id}>${denied}</p>`}
      ${policyRoles.value.map((role) => html`
        <label><input type="checkbox" checked=${role.implicit || chosen.value.includes(role.roleId)}
          aria-disabled=${role.implicit || denied ? "true" : null} onChange=${(/** @type {Event} */ event) => {
            if (role.implicit) /** @type {HTMLInputElement} */ (event.currentTarget).checked = true;
            else change(role.roleId, event);
          }} />
          <span>${role.displayName || role.roleId}<small>${role.implicit ? t.implicit : described(role)}</small></span></label>`)}
    </fieldset>`;
}

/** What the policy says of a role, without the name that stands before it. @param {import("../core/administration.js").Role} role */
function described({ displayName, description }) {
  const rest = description.startsWith(`${displayName}: `) ? description.slice(displayName.length + 2) : description;
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}
