// Other organizations of the person who is signed in, and a new one.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { discovered, obstacle, switchTo } from "../core/organizations.js";
import { navigate } from "../core/router.js";
import { adopt, ask, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Organizations } from "../signin/choose.js";
import { Again } from "../signin/next-step.js";
import { SecondFactor } from "../signin/second-factor.js";
import { texts } from "../signin/strings.js";
import SignInSteps from "../signin/signin.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";

export default function OrganizationsView() {
  const creating = useSignal(false);
  const email = useSignal(session.value?.emailAddress ?? "");
  const { failure, run } = useAction(async () => {
    discovered.value = (await ask("GET", "session/organizations")).organizations;
  });
  useEffect(() => {
    run();
    return () => { obstacle.value = null; };
  }, []);
  const done = (/** @type {import("../core/api.js").Session} */ entered) => {
    adopt(entered);
    navigate("/");
  };
  const steps = (/** @type {boolean} */ create, organizationId = "") => html`
    <div class="narrow"><${SignInSteps} back="/" email=${email.value} creating=${create} organizationId=${organizationId} onDone=${done} /></div>`;
  const blocked = obstacle.value;
  if (creating.value) return steps(true);
  if (blocked?.step === "SIGN_IN_STEP_AUTHENTICATE_AGAIN") {
    return html`
      <div class="narrow"><${Again} level="h1" back="/" methods=${blocked.methods} organization=${blocked.organization} email=${email}
        onSent=${() => { creating.value = true; }} onBack=${() => { obstacle.value = null; }} /></div>`;
  }
  if (blocked) {
    return html`<div class="narrow"><${SecondFactor} level="h1" organization=${blocked.organization} email=${email.value}
      factor=${blocked.factor} onAnswer=${(/** @type {import("../core/api.js").SignIn} */ answer) => {
        if (answer.session) done(answer.session);
      }} onBack=${() => { obstacle.value = null; }} /></div>`;
  }
  return html`
    <div class="narrow">
      <h1 tabindex="-1">${text.titles.organizations}</h1>
      <${Problem} failure=${failure.value} onRetry=${run} />
      ${discovered.value === null && !failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
      ${discovered.value && html`
        <${Organizations} organizations=${discovered.value} current=${session.value?.principal.organizationId}
          onEnter=${async (/** @type {import("../core/api.js").Organization} */ o) => {
            if (await switchTo(o) === "done") navigate("/");
          }} />`}
      <h2>${texts.organizations.create}</h2>
      <p>${texts.organizations.createSignedIn(email.value)}</p>
      <p><${Button} onClick=${() => { creating.value = true; }}>${texts.organizations.sendCode}<//></p>
    </div>`;
}
