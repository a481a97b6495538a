// The second step: the code that was sent by e-mail.

import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { call } from "../core/api.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { texts } from "./strings.js";

/** Where e-mails can be read that are not sent; "" where they are sent, or that is not known. */
async function findMailbox() {
  try {
    const answer = await fetch("/signin/mailbox");
    return answer.ok ? await answer.text() : "";
  } catch {
    return "";
  }
}

/**
 * @param {{level: string, email: string, onAnswer: (answer: import("../core/api.js").SignIn) => Promise<void>,
 *   onBack: () => void}} props
 */
export function Code({ level, email, onAnswer, onBack }) {
  const code = useSignal("");
  const error = useSignal("");
  const mailbox = useSignal("");
  const box = useRef(/** @type {HTMLFormElement|null} */ (null));
  const enter = useAction(async () => {
    await onAnswer(await call("POST", "session:authenticateEmailCode", { body: { emailAddress: email.trim(), code: code.peek() } }));
  });
  const resend = useAction(async () => {
    await call("POST", "session:sendEmailCode", { body: { emailAddress: email.trim() } });
    say(texts.signIn.sent(email));
  });
  useEffect(() => {
    say(texts.signIn.sent(email));
    box.current?.querySelector("input")?.focus();
    findMailbox().then((found) => { mailbox.value = found; });
  }, []);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    error.value = /^[0-9]{6}$/.test(code.peek()) ? "" : texts.signIn.codeWrong;
    if (!error.peek()) enter.run();
  };
  return html`
    <${level} tabindex="-1">${texts.signIn.codeTitle}<//>
    <p>${texts.signIn.sent(email)} ${texts.signIn.codeLife}</p>
    ${mailbox.value && html`<p class="notice">${texts.signIn.local} <a href=${mailbox.value} target="_blank" rel="noopener">${texts.signIn.mailbox}</a></p>`}
    <form ref=${box} onSubmit=${submit} novalidate>
      <${Field} label=${texts.signIn.code} inputmode="numeric" autocomplete="one-time-code" maxlength="7" class="code"
        value=${code.value} error=${error.value}
        onValue=${(/** @type {string} */ typed) => { code.value = typed.replaceAll(/\s/g, ""); error.value = ""; }} />
      <p class="actions">
        <${Button} kind="primary" submit busy=${enter.busy.value}>${texts.signIn.enterCode}<//>
        <${Button} kind="quiet" busy=${resend.busy.value} onClick=${resend.run}>${texts.signIn.resend}<//>
      </p>
      <${Problem} failure=${enter.failure.value ?? resend.failure.value} />
    </form>
    <p><${Button} kind="quiet" onClick=${onBack}>${texts.signIn.otherAddress}<//></p>`;
}
