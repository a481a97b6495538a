// Something was deleted by others while it was edited here: what was typed is shown until that is settled.

import { draftOf, sending, setDraft } from "../core/drafts.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { dismiss } from "../okrs/store.js";
import { Button } from "../ui/button.js";
import { t } from "./strings.js";

/** The keys of the drafts that something can have. @param {string} id */
const draftKeys = (id) => ["edit", "attainment", "check-in", "add", "close"].flatMap((form) => [`${form} ${id}`, sending(`${form} ${id}`)]);

/**
 * @param {{id: string, by: string, ids: string[]}} props ids: of everything that went with it
 */
export default function Gone({ id, by, ids }) {
  const keys = ids.flatMap(draftKeys);
  const typed = keys.flatMap((key) => {
    const { value = "", fields = {} } = draftOf(key).value ?? {};
    return [value, ...Object.values(fields)];
  }).filter((value) => value.trim());
  const close = () => {
    for (const key of keys) setDraft(key, undefined);
    dismiss(id);
    document.querySelector("h1")?.focus();
  };
  return html`
    <div class="notice bad" role="alert">
      <div>
        <p>${t.gone(by)}</p>
        ${typed.map((value) => html`<blockquote>${value}</blockquote>`)}
      </div>
      <${Button} onClick=${close}>${text.dismiss}<//>
    </div>`;
}
