// What became of a sign-in that led through another site, in words.

import { arrival } from "../core/arrival.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icons.js";
import { arrivals } from "./strings.js";

/** @param {import("../core/arrival.js").Arrival} props */
export default function Arrived({ problem, number }) {
  return html`
    <div class="notice bad arrived" role="alert">
      <${Icon} name="warn" />
      <p>${Object.hasOwn(arrivals, problem) ? arrivals[problem] : arrivals.INTERNAL} ${number && html`
        <span class="quiet">${text.number} <code>${number}</code></span>`}</p>
      <${Button} kind="quiet" onClick=${() => { arrival.value = null; }}>${text.dismiss}<//>
    </div>`;
}
