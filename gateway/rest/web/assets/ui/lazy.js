// Parts of the app that are loaded when they are needed.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "./button.js";

/**
 * @param {{load: () => Promise<{default: any}>, title?: string, onLoad?: () => void, [prop: string]: any}} props
 * title: heading for the case that it cannot be loaded. onLoad is called once it is shown. The rest is for the part.
 */
export function Lazy({ load, title, onLoad, ...rest }) {
  const part = useSignal(/** @type {any} */ (null));
  const broken = useSignal(false);
  useEffect(() => {
    load().then((module) => { part.value = module.default; }, () => { broken.value = true; });
  }, []);
  useEffect(() => {
    if (part.value) onLoad?.();
  }, [part.value]);
  if (broken.value) {
    return html`
      ${title && html`<h1 tabindex="-1">${title}</h1>`}
      <div class="notice bad" role="alert"><p>${text.viewBroken}</p>
        <${Button} onClick=${() => location.reload()}>${text.tryAgain}<//></div>`;
  }
  if (!part.value) return html`<p class="visually-hidden" role="status">${text.loading}</p>`;
  return html`<${part.value} ...${rest} />`;
}
