// The last step where an organization asks for a second factor: the code of an authenticator app, which is registered first
// where there is none, or a recovery code. What it is made of also serves who is signed in, in own-factor.js.

import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { call } from "../core/api.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Copy } from "../ui/copy.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { texts } from "./strings.js";

/** @typedef {import("../core/api.js").SignIn} SignIn */
/** @typedef {NonNullable<SignIn["secondFactor"]>} Factor */
/** @typedef {{secret: string, qrPng: string, recoveryCodes: string[]}} App */

const t = texts.secondFactor;

/**
 * @param {{level: string, organization?: import("../core/api.js").Organization, email: string, factor?: Factor,
 *   onAnswer: (answer: SignIn) => Promise<void>|void, onBack: () => void}} props
 */
export function SecondFactor({ level, organization, email, factor, onAnswer, onBack }) {
  const app = useSignal(/** @type {App|null} */ (null));
  const recovering = useSignal(false);
  const name = organization?.displayName ?? "";
  const registered = factor?.totpStatus === "TOTP_STATUS_REGISTERED";
  const create = useAction(async () => {
    app.value = await call("POST", "session:createTotp", { body: { organizationId: factor?.organizationId, memberId: factor?.memberId } });
  });
  const enter = async (/** @type {string} */ code) => {
    const { organizationId, memberId } = /** @type {Factor} */ (factor);
    await onAnswer(await call("POST", "session:authenticateTotp", { body: { organizationId, memberId, code } }));
  };
  const steps = () => {
    if (!factor || factor.totpStatus === "TOTP_STATUS_NOT_ALLOWED") return html`<p>${t.why(name)}</p><p>${t.others}</p>`;
    if (recovering.value) return html`<${Recovery} factor=${factor} onAnswer=${onAnswer} onBack=${() => { recovering.value = false; }} />`;
    if (registered) {
      return html`
        <p>${t.enter}</p>
        <${Code} verb=${texts.signIn.enterCode} onCode=${enter} />
        <p><${Button} kind="quiet" onClick=${() => { recovering.value = true; }}>${t.lost}<//></p>`;
    }
    if (!app.value) {
      return html`
        <p>${t.why(name)}</p><p>${t.register}</p>
        <p><${Button} kind="primary" busy=${create.busy.value} onClick=${create.run}>${t.begin}<//></p>
        <${Problem} failure=${create.failure.value} />`;
    }
    return html`
      <${Register} app=${app.value} issuer=${name || text.product} email=${email} />
      <${RecoveryCodes} codes=${app.value.recoveryCodes} />
      <p>${t.enterFirst}</p>
      <${Code} verb=${texts.signIn.enterCode} onCode=${enter} />`;
  };
  return html`
    <${level} tabindex="-1">${t.title}<//>
    <div class="stack">${steps()}</div>
    <p><${Button} kind="quiet" onClick=${onBack}>${texts.again.back}<//></p>`;
}

/** What an authenticator app is to know. @param {{app: App, issuer: string, email: string}} props */
export function Register({ app: { secret, qrPng }, issuer, email }) {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const address = `otpauth://totp/${encodeURIComponent(`${issuer}:${email}`)}?secret=${secret}&issuer=${encodeURIComponent(issuer)}`;
  useEffect(() => box.current?.focus(), []);
  return html`
    <p tabindex="-1" ref=${box}>${t.scan}</p>
    ${qrPng && html`<${Picture} png=${qrPng} />`}
    <p class="label">${t.secret}</p>
    <${Copy} value=${secret} label=${t.copySecret} />
    <p class="label">${t.address}</p>
    <${Copy} value=${address} label=${t.copyAddress} />
    <p><a href=${address}>${t.open}</a></p>`;
}

/** @param {{codes: string[]}} props */
export const RecoveryCodes = ({ codes }) => html`
  <p>${t.keep}</p>
  <${Copy} value=${codes.join(" ")} label=${t.copyCodes}>
    ${codes.map((code) => html`<span class="whole">${code}</span> `)}
  <//>`;

/** A picture that came with an answer, which no address leads to. @param {{png: string}} props png: in base64 */
function Picture({ png }) {
  const canvas = useRef(/** @type {HTMLCanvasElement|null} */ (null));
  const broken = useSignal(false);
  useEffect(() => {
    const draw = async () => {
      const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(png), (sign) => sign.charCodeAt(0))], { type: "image/png" }));
      const to = canvas.current;
      if (!to) return;
      to.width = picture.width;
      to.height = picture.height;
      to.getContext("2d")?.drawImage(picture, 0, 0);
    };
    draw().catch(() => { broken.value = true; }); // the secret does as well
  }, [png]);
  return !broken.value && html`<p><canvas class="qr" ref=${canvas} role="img" aria-label=${t.picture}></canvas></p>`;
}

/**
 * The field for a code of the app, or a recovery code. verb: what the button says. onCode throws Failure. focus: it takes
 * the focus. children: other buttons.
 * @param {{verb: string, onCode: (code: string) => Promise<void>, recovery?: boolean, focus?: boolean, children?: any}} props
 */
export function Code({ verb, onCode, recovery, focus, children }) {
  const form = useRef(/** @type {HTMLFormElement|null} */ (null));
  const code = useSignal("");
  const error = useSignal("");
  const { busy, failure, run } = useAction(() => onCode(code.peek().trim()));
  useEffect(() => { if (focus) form.current?.querySelector("input")?.focus(); }, []);
  const wrong = () => {
    if (recovery) return code.peek().trim() ? "" : text.empty;
    return /^[0-9]{6}$/.test(code.peek()) ? "" : texts.signIn.codeWrong;
  };
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    error.value = wrong();
    if (!error.peek()) run();
  };
  const type = (/** @type {string} */ typed) => {
    code.value = recovery ? typed : typed.replaceAll(/\s/g, "");
    error.value = "";
  };
  return html`
    <form class="stack" ref=${form} onSubmit=${submit} novalidate>
      ${recovery
        ? html`<${Field} label=${t.recoveryCode} hint=${t.recoveryHint} maxlength="64" autocapitalize="none" spellcheck="false"
            value=${code.value} error=${error.value} onValue=${type} />`
        : html`<${Field} label=${t.code} inputmode="numeric" autocomplete="one-time-code" maxlength="7" class="code"
            value=${code.value} error=${error.value} onValue=${type} />`}
      <${Problem} failure=${failure.value} />
      <p class="actions">${children}<${Button} kind="primary" submit busy=${busy.value}>${verb}<//></p>
    </form>`;
}

/** @param {{factor: Factor, onAnswer: (answer: SignIn) => Promise<void>|void, onBack: () => void}} props */
function Recovery({ factor: { organizationId, memberId }, onAnswer, onBack }) {
  const answer = useSignal(/** @type {SignIn|null} */ (null));
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const enter = async (/** @type {string} */ recoveryCode) => {
    answer.value = await call("POST", "session:authenticateRecoveryCode", { body: { organizationId, memberId, recoveryCode } });
  };
  useEffect(() => { if (answer.value) box.current?.querySelector("button")?.focus(); }, [answer.value]);
  const done = answer.value;
  if (done) {
    return html`
      <div ref=${box} class="stack">
        <p role="status">${t.left(done.recoveryCodesRemaining ?? 0)}</p>
        <p class="actions"><${Button} kind="primary" onClick=${() => onAnswer(done)}>${texts.signIn.goOn}<//></p>
      </div>`;
  }
  return html`
    <${Code} recovery focus verb=${texts.signIn.enterCode} onCode=${enter} />
    <p><${Button} kind="quiet" onClick=${onBack}>${t.useApp}<//></p>`;
}
