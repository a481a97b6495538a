// Editing an objective or key result in place.

import { useEffect, useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { draftOf, justOpened } from "../core/drafts.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { findPeople } from "../core/people.js";
import { text } from "../core/strings.js";
import { editButtonId, editKey } from "../okrs/tools.js";
import { changeFields } from "../okrs/writes.js";
import { Button } from "../ui/button.js";
import { Field, tooLong } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import Conflict from "./conflict.js";
import { useForm } from "./form.js";
import { kinds, titleLimit } from "./kinds.js";
import { failureOf, forget, sendDraft } from "./send.js";
import { t } from "./strings.js";

/** @typedef {import("../okrs/tools.js").Item} Item */

/** @param {{item: any, resource: import("../core/session.js").Resource, denied: string}} props */
export default function Editor({ item, resource, denied }) {
  const { Fields, fieldsOf, errors, wire, said, atField, words } = kinds[resource];
  const key = editKey(item);
  const form = useForm(key, fieldsOf(item));
  const box = useRef(/** @type {HTMLFormElement|null} */ (null));
  const title = form.value("title");
  const wrong = Object.keys(errors(form, item.kind)).length > 0 || !title.trim() || tooLong(title, titleLimit);
  const run = async (/** @type {Record<string, string>} */ was) => {
    const typed = Object.fromEntries(form.changed.map((name) => [name, name === "description" ? form.fields[name] : form.fields[name].trim()]));
    const stands = (/** @type {any} */ now) => {
      const fields = /** @type {Record<string, string>} */ (fieldsOf(now));
      return form.changed.every((name) => fields[name] === was[name] || fields[name] === typed[name]);
    };
    const fields = wire(typed, form.value("format"));
    if (await sendDraft(key, editButtonId(item), (sent) => changeFields(item.id, fields, stands, sent))) say(text.saved);
  };
  const done = () => {
    forget(key);
    requestAnimationFrame(() => document.getElementById(editButtonId(item))?.focus());
  };
  useEffect(() => { findPeople(); }, []);
  useLayoutEffect(() => {
    const input = box.current?.querySelector("textarea");
    if (!input || !justOpened(key)) return;
    input.focus();
    input.setSelectionRange(input.value.length, input.value.length);
    if (draftOf(key).peek()?.sent) box.current?.requestSubmit();
  }, []);
  const { conflicts } = form;
  const failure = failureOf(key);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (denied || wrong || conflicts.length > 0) return;
    if (form.changed.length === 0) done();
    else run(form.was);
  };
  const escape = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Escape" && form.changed.length === 0) done();
  };
  const now = /** @type {Record<string, string>} */ (fieldsOf(item));
  const shown = (/** @type {(name: string) => string} */ of) => (conflicts.length === 1 && conflicts[0] === "title"
    ? text.quoted(of("title")) : t.conflict.all(conflicts.map((name) => said(name, of(name)))));
  return html`
    <form class="editor" ref=${box} onSubmit=${submit} onKeyDown=${escape} novalidate>
      <${Field} label=${words.edit} hideLabel long value=${title} maxlength=${titleLimit} readonly=${Boolean(denied)}
        error=${title.trim() ? "" : text.empty} onValue=${(/** @type {string} */ typed) => form.set({ title: typed })} />
      <${Fields} form=${form} denied=${denied} item=${item} failure=${failure} />
      ${conflicts.length > 0 && html`
        <${Conflict} by=${item.updater?.displayName ?? ""} why=${denied} theirs=${shown((name) => now[name])} mine=${shown(form.value)}
          onMine=${() => { form.keepMine(); run(now); }}
          onTheirs=${() => { form.takeTheirs(); if (form.changed.length === conflicts.length) done(); }} />`}
      <p class="actions">
        ${conflicts.length === 0 && html`<${Button} kind="primary" submit why=${denied}>${text.save}<//>`}
        <${Button} onClick=${() => done()}>${text.cancel}<//>
      </p>
      <${Problem} failure=${atField(failure) ? null : failure} />
    </form>`;
}
