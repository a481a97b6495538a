// Signing in: prove an e-mail address, then choose or create an organization. As a view of its own, and in a dialog for
// somebody whose session has ended.

import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { call, Failure } from "../core/api.js";
import { arrival, unfinished } from "../core/arrival.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { signingIn } from "../core/session.js";
import { text } from "../core/strings.js";
import { Again } from "./next-step.js";
import { Choose } from "./choose.js";
import { Code } from "./code.js";
import { takeOrganization } from "./remembered.js";
import { SecondFactor } from "./second-factor.js";
import { Start } from "./start.js";

/** @typedef {import("../core/api.js").SignIn} SignIn */
/** @typedef {import("../core/api.js").Organization} Organization */

/**
 * @param {{back: string, email?: string, organizationId?: string, creating?: boolean, level?: "h1"|"h2",
 *   onDone: (session: import("../core/api.js").Session) => void}} props
 * back: path to come back to from another site. email: of somebody who is known. organizationId: the one to enter without
 * asking, if that is possible. creating: start at the code, to create an organization.
 */
export default function SignInSteps({ back, email: known = "", organizationId = "", creating = false, level = "h1", onDone }) {
  const step = useSignal("loading");
  const email = useSignal(known);
  const organizations = useSignal(/** @type {Organization[]} */ ([]));
  const chosen = useSignal(/** @type {Organization|undefined} */ (undefined));
  const methods = useSignal(/** @type {string[]} */ ([]));
  const factor = useSignal(/** @type {SignIn["secondFactor"]} */ (undefined));
  const failure = useSignal(/** @type {Failure|null} */ (null));
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const moved = useRef(false);

  const show = (/** @type {string} */ to) => {
    moved.current = step.peek() !== "loading";
    step.value = to;
  };
  useEffect(() => {
    if (moved.current && step.value !== "code") box.current?.querySelector(level)?.focus(); // the code's field takes it itself
  }, [step.value]);

  /** Goes on with what the server says is left to do. */
  const next = async (/** @type {SignIn} */ answer) => {
    if (answer.emailAddress) email.value = answer.emailAddress;
    switch (answer.step) {
      case "SIGN_IN_STEP_DONE":
        say(text.signIn.done);
        onDone(/** @type {import("../core/api.js").Session} */ (answer.session));
        return;
      case "SIGN_IN_STEP_CHOOSE_ORGANIZATION":
        await offer(answer.organizations);
        return;
      case "SIGN_IN_STEP_AUTHENTICATE_AGAIN":
        methods.value = answer.allowedAuthMethods;
        show("again");
        return;
      default:
        factor.value = answer.secondFactor;
        show("second factor");
    }
  };

  const enter = async (/** @type {Organization} */ organization) => {
    chosen.value = organization;
    await next(await call("POST", "session:joinOrganization", { body: { organizationId: organization.organizationId } }));
  };

  /** Lets the person choose, unless it is clear where to go on. */
  const offer = async (/** @type {Organization[]} */ found) => {
    organizations.value = found;
    const wanted = organizationId || takeOrganization();
    const only = unfinished(arrival.peek()) && found.length === 1 ? found[0] : undefined;
    const at = creating ? undefined : found.find((o) => o.organizationId === wanted) ?? only;
    if (!at) {
      show("choose");
      return;
    }
    await enter(at);
    if (unfinished(arrival.peek())) arrival.value = null; // the step says it better
  };

  useEffect(() => {
    const look = async () => {
      if (creating) {
        await call("POST", "session:sendEmailCode", { body: { emailAddress: known } });
        show("code");
        return;
      }
      if (!signingIn) {
        show("start");
        return;
      }
      const found = await call("GET", "session/organizations");
      email.value = found.emailAddress;
      await offer(found.organizations);
    };
    look().catch((caught) => {
      if (!(caught instanceof Failure)) throw caught;
      if (caught.status !== 401) failure.value = caught; // without a sign-in under way there is nothing to go on with
      show("start");
    });
  }, []);

  const restart = () => {
    email.value = known;
    show("start");
  };
  const views = {
    loading: () => html`<p role="status" class="quiet">${text.loading}</p>`,
    start: () => html`<${Start} level=${level} back=${back} email=${email} failure=${failure.value} known=${known}
      organizationId=${organizationId} onSent=${() => show("code")} />`,
    code: () => html`<${Code} level=${level} email=${email.value} onAnswer=${next} onBack=${restart} />`,
    choose: () => html`<${Choose} level=${level} email=${email.value} organizations=${organizations.value} onEnter=${enter}
      onAnswer=${next} onBack=${restart} />`,
    again: () => html`<${Again} level=${level} back=${back} methods=${methods.value} organization=${chosen.value}
      email=${email} onSent=${() => show("code")} onBack=${() => show("choose")} />`,
    "second factor": () => html`<${SecondFactor} level=${level} organization=${chosen.value} email=${email.value}
      factor=${factor.value} onAnswer=${next} onBack=${() => show("choose")} />`,
  };
  return html`<div class="steps" ref=${box}>${views[/** @type {keyof typeof views} */ (step.value)]()}</div>`;
}
