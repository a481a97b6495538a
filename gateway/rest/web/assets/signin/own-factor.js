// The second factor of who is signed in: whether there is one, and setting it up of one's own accord.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { adopt, ask, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Problem } from "../ui/problem.js";
import { own as t } from "./own-strings.js";
import { Code, RecoveryCodes, Register } from "./second-factor.js";
import { texts } from "./strings.js";

/**
 * @typedef {{totpStatus: string, enrolled: boolean, required: boolean, recoveryCodesRemaining?: number}} State
 * @typedef {"state"|"registering"|"enrolling"|"rotating"|"removing"|"replacing"|"codes"} Step
 */

const path = "session/secondFactor";

/** @param {{onClose: () => void}} props */
export default function OwnFactor({ onClose }) {
  const known = useSignal(/** @type {State|null} */ (null));
  const step = useSignal(/** @type {Step} */ ("state"));
  const app = useSignal(/** @type {import("./second-factor.js").App|null} */ (null));
  const codes = useSignal(/** @type {string[]} */ ([]));
  const { organizationName, emailAddress } = /** @type {import("../core/api.js").Session} */ (session.value);
  const load = useAction(async () => { known.value = await ask("GET", path); });
  const start = useAction(async () => {
    app.value = await ask("POST", `${path}:startTotpEnrollment`, { body: {} });
    step.value = "registering";
  });
  useEffect(() => { load.run(); }, []);
  useEffect(() => { // what had the focus is gone; the code's field and what is to be scanned take it themselves
    if (step.value === "codes" || (step.value === "state" && known.peek())) focusTitle();
  }, [step.value]);

  const show = (/** @type {Step} */ to) => {
    start.failure.value = null;
    step.value = to;
  };
  const back = () => {
    show("state");
    load.run();
  };
  /** Gives a code for something. @param {string} what @param {{code: string}|{recoveryCode: string}} proof @param {string} words */
  const give = async (what, proof, words) => {
    const answer = await ask("POST", `${path}:${what}`, { body: proof });
    adopt(answer.session);
    say(words);
    return answer;
  };
  const complete = (/** @type {string[]} */ fresh) => async (/** @type {string} */ code) => {
    await give("completeTotpEnrollment", { code }, t.turnedOn);
    if (fresh.length === 0) {
      back();
      return;
    }
    codes.value = fresh;
    show("codes");
  };
  const rotate = async (/** @type {string} */ code) => {
    codes.value = (await give("rotateRecoveryCodes", { code }, t.rotated)).recoveryCodes;
    show("codes");
  };
  const remove = (/** @type {"code"|"recoveryCode"} */ by) => async (/** @type {string} */ code) => {
    await give("removeTotp", /** @type {{code: string}} */ ({ [by]: code }), t.removed);
    back();
  };
  const cancel = html`<${Button} onClick=${back}>${t.cancel}<//>`;
  const close = html`<${Button} onClick=${onClose}>${t.close}<//>`;
  const now = known.value;
  const steps = {
    state: () => html`
      <${Problem} failure=${load.failure.value} onRetry=${load.run} />
      ${now === null
        ? html`${!load.failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}<p class="actions">${close}</p>`
        : html`<${Now} factor=${now} organization=${organizationName} start=${start} onStep=${show}>${close}<//>`}`,
    registering: () => app.value && html`
      <${Register} app=${app.value} issuer=${organizationName || text.product} email=${emailAddress} />
      <p>${texts.secondFactor.enterFirst}</p>
      <${Code} verb=${t.confirm} onCode=${complete(app.value.recoveryCodes)}>${cancel}<//>`,
    enrolling: () => html`
      <p>${texts.secondFactor.enter}</p>
      <${Code} focus verb=${t.confirm} onCode=${complete([])}>${cancel}<//>`,
    rotating: () => html`<p>${t.rotateHint}</p><${Code} focus verb=${t.make} onCode=${rotate}>${cancel}<//>`,
    removing: () => html`
      <p>${t.removeHint}</p>
      <p><${Button} kind="quiet" onClick=${() => show("replacing")}>${texts.secondFactor.lost}<//></p>
      <${Code} focus verb=${t.remove} onCode=${remove("code")}>${cancel}<//>`,
    replacing: () => html`
      <p>${t.lostHint}</p><${Code} recovery focus verb=${t.remove} onCode=${remove("recoveryCode")}>${cancel}<//>`,
    codes: () => html`
      <${RecoveryCodes} codes=${codes.value} />
      <p class="actions"><${Button} kind="primary" onClick=${back}>${t.kept}<//></p>`,
  };
  return html`<${Dialog} wide title=${t.title} onClose=${onClose}><div class="stack" key=${step.value}>${steps[step.value]()}</div><//>`;
}

const focusTitle = () => /** @type {HTMLElement|null} */ (document.querySelector("dialog[open] h2"))?.focus();

/**
 * What there is, and what can be done about it.
 * @param {{factor: State, organization: string, start: ReturnType<typeof useAction>, onStep: (step: Step) => void, children: any}} props
 */
function Now({ factor: { totpStatus, enrolled, required, recoveryCodesRemaining = 0 }, organization, start, onStep, children }) {
  const asked = enrolled || required;
  const state = {
    TOTP_STATUS_REGISTERED: asked ? t.on : t.idle, TOTP_STATUS_UNREGISTERED: asked ? t.waiting : t.off,
  }[totpStatus] ?? t.refused(organization);
  return html`
    <p>${state}</p>
    ${required && html`<p>${t.required(organization)}</p>`}
    ${totpStatus === "TOTP_STATUS_REGISTERED" && html`
      <p>${t.left(recoveryCodesRemaining)}</p>
      <p class="actions">
        ${!asked && html`<${Button} kind="primary" onClick=${() => onStep("enrolling")}>${t.turnOn}<//>`}
        <${Button} onClick=${() => onStep("rotating")}>${t.rotate}<//>
        <${Button} onClick=${() => onStep("removing")}>${t.remove}<//>
      </p>`}
    <${Problem} failure=${start.failure.value} />
    <p class="actions">
      ${totpStatus === "TOTP_STATUS_UNREGISTERED" && html`
        <${Button} kind="primary" busy=${start.busy.value} onClick=${start.run}>${texts.secondFactor.begin}<//>`}
      ${children}
    </p>`;
}
