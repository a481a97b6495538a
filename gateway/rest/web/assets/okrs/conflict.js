// Somebody else changed what is being edited: both values, and a choice.

import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";

/**
 * @param {{by: string, theirs: string, mine: string, why?: string, onMine: () => void, onTheirs: () => void}} props
 */
export const Conflict = ({ by, theirs, mine, why, onMine, onTheirs }) => html`
  <div class="notice conflict" role="alert">
    <p>${text.conflict.title(by)}</p>
    <dl>
      <dt>${text.conflict.theirs}</dt><dd>${theirs}</dd>
      <dt>${text.conflict.mine}</dt><dd>${mine}</dd>
    </dl>
    <p class="actions">
      <${Button} why=${why} onClick=${onMine}>${text.conflict.keepMine}<//>
      <${Button} onClick=${onTheirs}>${text.conflict.keepTheirs}<//>
    </p>
  </div>`;
