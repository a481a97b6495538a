// Something to copy, and the button that does it.

import { useSignal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { text } from "../core/strings.js";
import { Button } from "./button.js";

const shown = 2500; // milliseconds that the button says that it has copied

/** @param {{value: string, label: string, children?: any}} props label: the name of the button; children: the value as it is shown */
export function Copy({ value, label, children = value }) {
  const done = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(value);
    done.value = true;
    say(text.copied);
    setTimeout(() => { done.value = false; }, shown);
  };
  return html`
    <div class="copy">
      <code tabindex="0" role="group" aria-label=${value}>${children}</code>
      <${Button} icon=${done.value ? "check" : "copy"} label=${done.value ? undefined : label} onClick=${copy}>${done.value ? text.copied : text.copy}<//>
    </div>`;
}
