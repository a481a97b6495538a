// Which applications members can connect.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { may, whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask } from "../core/session.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Problem } from "../ui/problem.js";
import { admissions, Choice, Several } from "./choice.js";
import { texts } from "./later-strings.js";
import { texts as others } from "./strings.js";

const t = texts.allowedApps;
const { unnamed } = others.consent;

/** @typedef {import("./sign-in-settings.js").Rules} Rules */
/** @typedef {{rules: Rules, change: (part: Partial<Rules>) => void}} Props */

/** @param {Props} props */
export default function AllowedApps({ rules, change }) {
  const names = useSignal(/** @type {Map<string, string>} */ (new Map()));
  const load = useAction(async () => {
    const { memberConnectedApps } = await ask("GET", "organization/connectedApps");
    names.value = new Map(memberConnectedApps.map((/** @type {{connectedApp: {clientId: string, name: string}}} */ { connectedApp: app }) =>
      [app.clientId, app.name || unnamed]));
  });
  useEffect(() => {
    if (may("stytch.organization:get.connected-apps")) load.run();
  }, []);
  return html`
    <h3>${t.title}</h3>
    <p class="hint">${t.lead}</p>
    <${Problem} failure=${load.failure.value} onRetry=${load.run} />
    <${Apps} name="third-party" label=${t.thirdParty} value=${rules.thirdPartyApps} ids=${rules.allowedThirdPartyClientIds}
      names=${names.value} denied=${whyNot("stytch.organization:update.settings.third-party-connected-apps")}
      onChoose=${(/** @type {string} */ v) => change({ thirdPartyApps: v })}
      onIds=${(/** @type {string[]} */ v) => change({ allowedThirdPartyClientIds: v })} />
    <${Apps} name="first-party" label=${t.firstParty} value=${rules.firstPartyApps} ids=${rules.allowedFirstPartyClientIds}
      names=${new Map()} denied=${whyNot("stytch.organization:update.settings.first-party-connected-apps")}
      onChoose=${(/** @type {string} */ v) => change({ firstPartyApps: v })}
      onIds=${(/** @type {string[]} */ v) => change({ allowedFirstPartyClientIds: v })} />`;
}

/**
 * One kind of applications. Those that are offered are connected now, or were allowed before; others are added by their id.
 * @param {{name: string, label: string, value: string, ids: string[], names: Map<string, string>, denied: string,
 *   onChoose: (value: string) => void, onIds: (ids: string[]) => void}} props
 */
function Apps({ name, label, value, ids, names, denied, onChoose, onIds }) {
  const typed = useSignal("");
  const added = useSignal(/** @type {string[]} */ ([]));
  const add = () => {
    const id = typed.peek().trim();
    if (!id) return;
    if (!ids.includes(id)) onIds([...ids, id]);
    added.value = [...added.peek(), id];
    typed.value = "";
    say(t.added(names.get(id) ?? id));
  };
  const known = new Map([...names, ...[...ids, ...added.value].filter((id) => !names.has(id)).map((id) => /** @type {const} */ ([id, id]))]);
  return html`
    <${Choice} name=${name} label=${label} value=${value} denied=${denied} options=${admissions(t.options)} onChoose=${onChoose}>
      ${value === "ADMISSION_RESTRICTED" && html`
        ${known.size > 0 && html`<${Several} label=${`${label}: ${t.options.RESTRICTED}`} options=${[...known]} chosen=${ids} denied=${denied} onChoose=${onIds} />`}
        ${ids.length === 0 && html`<p class="hint">${t.none}</p>`}`}
    <//>
    ${value === "ADMISSION_RESTRICTED" && !denied && html`
      <div role="group" aria-label=${t.addNamed(label)}>
        <${Field} label=${t.id} value=${typed.value} maxlength="512" spellcheck=${false} autocapitalize="none"
          onValue=${(/** @type {string} */ v) => { typed.value = v; }} />
        <p><${Button} label=${t.addNamed(label)} onClick=${add}>${t.add}<//></p>
      </div>`}`;
}
