// What is shown where there are no objectives.

import { html } from "../core/html.js";
import { why } from "../core/session.js";
import { Button } from "../ui/button.js";
import { refine } from "./refine.js";
import { t } from "./strings.js";

/** @param {{filtered: boolean}} props filtered: whether there may be others */
export default function Empty({ filtered }) {
  return filtered ? html`<${Nothing} />` : html`<${NoneYet} />`;
}

function NoneYet() {
  const denied = why("CREATE", "objective");
  return html`
    <div class="empty">
      <svg viewBox="0 0 160 96" aria-hidden="true" focusable="false">
        <path d="M8 84c26-4 34-36 58-38s26 14 46 2 18-30 30-34" stroke-dasharray="1 7" />
        <circle cx="8" cy="84" r="4" class="dot" /><circle cx="66" cy="46" r="4" class="dot" /><circle cx="112" cy="48" r="4" class="dot" />
        <circle cx="150" cy="12" r="9" class="goal" /><circle cx="150" cy="12" r="3" class="dot" />
      </svg>
      <h2>${t.none.title}</h2>
      <p>${denied ? t.none.forYou : t.none.yet}</p>
      ${!denied && html`<a class="button" href="/about">${t.none.agent}</a>`}
    </div>`;
}

const Nothing = () => html`
  <div class="empty">
    <h2>${t.nothing.title}</h2>
    <p>${t.nothing.hint}</p>
    <${Button} onClick=${() => refine({ cycle: "", owner: "", state: "", text: "" })}>${t.nothing.clear}<//>
  </div>`;
