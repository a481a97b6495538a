// Closing an objective with a score.

import { useAction } from "../core/action.js";
import { setDraft } from "../core/drafts.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { text } from "../core/strings.js";
import { editable } from "../core/values.js";
import { move } from "../okrs/writes.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { useForm } from "./form.js";
import { t } from "./strings.js";
import { parseValue } from "./typed.js";

/** @param {{item: import("../core/api.js").Objective, denied: string, onClose: () => void}} props */
export default function Close({ item, denied, onClose }) {
  const key = `close ${item.id}`;
  const form = useForm(key, { score: editable(item.score), closingNote: item.closingNote });
  const score = parseValue(form.value("score"));
  const right = score !== null && /^(0([.]\d{1,2})?|1([.]0{1,2})?)$/.test(score);
  const { busy, failure, run } = useAction(async () => {
    await move(item.id, "close", { score: score ?? "", closingNote: form.value("closingNote").trim() });
    setDraft(key, undefined);
    say(t.close.saved);
    onClose();
  });
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (right && !denied) run();
  };
  const bind = (/** @type {string} */ name) => ({
    value: form.value(name), readonly: Boolean(denied), onValue: (/** @type {string} */ typed) => form.set({ [name]: typed }),
  });
  return html`
    <${Dialog} title=${t.close.title(item.title)} onClose=${onClose}>
      <form onSubmit=${submit} novalidate>
        <${Field} label=${t.close.score} hint=${t.close.scoreHint(item.progress)} inputmode="decimal" maxlength="4"
          error=${right || form.value("score") === "" ? "" : t.close.scoreWrong} ...${bind("score")} />
        <${Field} label=${t.close.note} lines maxlength="4000" ...${bind("closingNote")} />
        <${Problem} failure=${failure.value} />
        <p class="actions">
          <${Button} onClick=${onClose}>${text.cancel}<//>
          <${Button} kind="primary" submit busy=${busy.value} why=${denied || (form.value("score") ? "" : text.empty)}>${t.close.save}<//>
        </p>
      </form>
    <//>`;
}
