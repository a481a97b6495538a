// Something was deleted by others while it was edited here: what was typed is shown until that is settled.

import { draftOf, setDraft } from "../core/drafts.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { dismiss } from "./store.js";

/**
 * @param {{id: string, by: string, ids: string[]}} props ids: of everything that went with it
 */
export function Gone({ id, by, ids }) {
  const keys = ids.flatMap((one) => [`title ${one}`, `attainment ${one}`, `add ${one}`]);
  const typed = keys.flatMap((key) => draftOf(key).value?.value ?? []).filter(Boolean);
  const close = () => {
    for (const key of keys) setDraft(key, undefined);
    dismiss(id);
    document.querySelector("h1")?.focus();
  };
  return html`
    <div class="notice bad" role="alert">
      <div>
        <p>${text.gone(by)}</p>
        ${typed.map((value) => html`<blockquote>${value}</blockquote>`)}
      </div>
      <${Button} onClick=${close}>${text.dismiss}<//>
    </div>`;
}
