// Adding an objective or a key result: a line of text, and the rest if somebody wants it. The form stays open as long as
// there is a draft for it.

import { useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { useAction } from "../core/action.js";
import { draftOf, justOpened, setDraft } from "../core/drafts.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { text } from "../core/strings.js";
import { createKeyResult, createObjective } from "../okrs/writes.js";
import { Button } from "../ui/button.js";
import { Field, tooLong } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { useForm } from "./form.js";
import { kinds, titleLimit } from "./kinds.js";
import { t } from "./strings.js";

/**
 * @param {{name: string, resource: import("../core/session.js").Resource, under?: string, denied: string,
 *   onClose: () => void}} props name: key of the draft; under: the objective that a key result is added to
 */
export default function Composer({ name, resource, under = "", denied, onClose }) {
  const { Fields, defaults, errors, wire, atField, words } = kinds[resource];
  const box = useRef(/** @type {HTMLFormElement|null} */ (null));
  const draft = draftOf(name).value;
  const value = draft?.value ?? "";
  const more = draft?.fields !== undefined;
  const now = /** @type {Record<string, string>} */ (defaults());
  const form = useForm(name, now);
  const wrong = more && Object.keys(errors(form, form.value("kind"))).length > 0;
  const why = denied || (value.trim() ? tooLong(value, titleLimit) : text.empty);
  const focus = () => box.current?.querySelector("textarea")?.focus();
  const { busy, failure, run } = useAction(async () => {
    const fields = { title: value.trim(), ...(more && wire({ ...now, ...form.fields }, form.value("format"))) };
    /** What was typed meanwhile, behind what was sent. */
    const since = () => {
      const { value: latest = value } = draftOf(name).peek() ?? {};
      return latest.startsWith(value) ? latest.slice(value.length) : latest;
    };
    if (resource === "objective") {
      const made = await createObjective(fields, name);
      const next = since();
      setDraft(name, next ? { value: next } : undefined);
      if (!next) requestAnimationFrame(() => (document.getElementById(made.id)?.querySelector(/** @type {"a"} */ ("h2, a")) ?? document.querySelector("h1"))?.focus());
    } else {
      await createKeyResult(under, fields, name);
      if (draftOf(name).peek()) setDraft(name, { value: since() });
      focus();
    }
    say(words.added);
  });
  useLayoutEffect(() => {
    if (justOpened(name)) focus();
    if (draft?.sent) box.current?.requestSubmit();
  }, []);
  const close = () => {
    setDraft(name, undefined);
    onClose();
  };
  const add = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!why && !wrong) run();
  };
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && value === "") close();
  };
  return html`
    <form class="editor composer" id=${name} ref=${box} onSubmit=${add} onKeyDown=${escape} novalidate>
      <${Field} label=${words.new} hint=${words.hint} long maxlength=${titleLimit} value=${value} readonly=${Boolean(denied)}
        onValue=${(/** @type {string} */ typed) => setDraft(name, { ...draft, value: typed, requestId: undefined })} />
      ${more && html`<${Fields} form=${form} denied=${denied} failure=${failure.value} />`}
      <p class="actions">
        <${Button} kind="primary" submit busy=${busy.value} why=${why}>${words.add}<//>
        <${Button} onClick=${close}>${text.cancel}<//>
        ${!more && html`<${Button} kind="quiet" icon="down" onClick=${() => setDraft(name, { value, fields: {} })}>${t.more}<//>`}
      </p>
      <${Problem} failure=${more && atField(failure.value) ? null : failure.value} />
    </form>`;
}
