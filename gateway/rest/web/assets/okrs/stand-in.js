// A line that takes what is typed until the form is there that it is for, so that no key is lost.

import { useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { draftOf, isOpening, setDraft } from "../core/drafts.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";

/** @param {{draft: string, title?: string}} props draft: its key; title: what is edited, if anything is */
export function StandIn({ draft, title }) {
  const line = useRef(/** @type {HTMLTextAreaElement|null} */ (null));
  useLayoutEffect(() => {
    if (!isOpening(draft)) return;
    line.current?.focus();
    line.current?.setSelectionRange(title?.length ?? 0, title?.length ?? 0);
  }, []);
  const input = (/** @type {Event} */ event) => {
    const { value } = /** @type {HTMLTextAreaElement} */ (event.currentTarget);
    setDraft(draft, title === undefined ? { value } : { value: "", fields: { title: value }, was: { title } });
  };
  const enter = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const typed = draftOf(draft).peek();
    if (typed) setDraft(draft, { ...typed, sent: true });
  };
  return html`<textarea ref=${line} rows="1" aria-label=${text.loading} defaultValue=${title ?? ""} onInput=${input} onKeyDown=${enter}></textarea>`;
}
