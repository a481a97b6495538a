// The session has ended: signing in again in place.

import { useSignal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { address, navigate } from "../core/router.js";
import { adopt, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { styled } from "../core/style.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Lazy } from "../ui/lazy.js";
import { texts } from "./strings.js";

const signIn = () => styled(import("./signin.js"), "views.css");

/** Asks somebody whose session has ended to sign in again, and leaves everything else as it is. */
export default function EndedSession() {
  const open = useSignal(true);
  const current = session.value;
  const done = (/** @type {import("../core/api.js").Session} */ entered) => {
    const same = entered.principal.memberId === current?.principal.memberId;
    adopt(entered);
    say(same ? texts.ended.welcome : text.signIn.done);
    if (!same) navigate("/");
  };
  return html`
    <div class="banner" role="alert">
      <p>${texts.ended.title}</p>
      <${Button} kind="primary" onClick=${() => { open.value = true; }}>${text.signIn.short}<//>
    </div>
    ${open.value && html`
      <${Dialog} title=${texts.ended.title} onClose=${() => { open.value = false; }}>
        <p>${texts.ended.kept}</p>
        <${Lazy} load=${signIn} level="h3" back=${address.value} email=${current?.emailAddress ?? ""}
          organizationId=${current?.principal.organizationId ?? ""} onDone=${done} />
        <p class="actions"><${Button} kind="quiet" onClick=${() => { open.value = false; }}>${texts.ended.later}<//></p>
      <//>`}`;
}
