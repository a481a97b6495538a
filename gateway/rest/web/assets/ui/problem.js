// What went wrong, where it happened.

import { ended } from "../core/session.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "./button.js";
import { Icon } from "./icons.js";

/**
 * What to say about a failure; "" once it is settled, because somebody signed in again.
 * @param {import("../core/api.js").Failure|null} failure
 */
export function explain(failure) {
  if (!failure || (failure.status === 401 && !ended.value)) return "";
  return text.failure(failure);
}

/**
 * @param {{failure: import("../core/api.js").Failure|null, onRetry?: () => void}} props
 */
export function Problem({ failure, onRetry }) {
  const message = explain(failure);
  if (!failure || !message) return null;
  return html`
    <div class="notice bad" role="alert">
      <${Icon} name="warn" />
      <p>${message} ${failure.number && html`<span class="quiet">${text.number} <code>${failure.number}</code></span>`}</p>
      ${onRetry && html`<${Button} onClick=${onRetry}>${text.tryAgain}<//>`}
    </div>`;
}
