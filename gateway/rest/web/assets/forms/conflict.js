// Somebody else changed what is being edited: both values, and a choice.

import { html } from "../core/html.js";
import { Button } from "../ui/button.js";
import { t } from "./strings.js";

const words = t.conflict;

/**
 * @param {{by: string, theirs: string, mine: string, why?: string, onMine: () => void, onTheirs: () => void}} props
 */
export default function Conflict({ by, theirs, mine, why, onMine, onTheirs }) {
  return html`
    <div class="notice conflict" role="alert">
      <p>${words.title(by)}</p>
      <dl>
        <dt>${words.theirs}</dt><dd>${theirs}</dd>
        <dt>${words.mine}</dt><dd>${mine}</dd>
      </dl>
      <p class="actions">
        <${Button} why=${why} onClick=${onMine}>${words.keepMine}<//>
        <${Button} onClick=${onTheirs}>${words.keepTheirs}<//>
      </p>
    </div>`;
}
