// What the organization lets its agents do.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask, role, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Problem } from "../ui/problem.js";
import { texts } from "./strings.js";

const t = texts.agents.rules;

/** @typedef {{proposeOnly: boolean, clients: {clientId: string}[], trustReports: boolean}} Settings */

/** Why the member may not change the settings of the organization; "" if allowed. */
function whyNot() {
  const current = session.value;
  const allowed = current?.principal.rolePermissions.some((p) => p.resource === "stytch.organization" && p.action === "ACTION_UPDATE");
  return !current || allowed ? "" : text.whyNot(role(current), []);
}

/** @param {{clients: {id: string, name: string}[]}} props those that the rules can name */
export function Rules({ clients }) {
  const settings = useSignal(/** @type {Settings|null} */ (null));
  const load = useAction(async () => { settings.value = await ask("GET", "agentSettings"); });
  const { failure, run } = useAction(async (/** @type {string} */ method, /** @type {object} */ body) => {
    settings.value = await ask("POST", `agentSettings:${method}`, { body });
    say(text.saved);
  });
  useEffect(() => { load.run(); }, []);
  const denied = whyNot();
  const known = settings.value;
  return html`
    <section class="card agents" aria-labelledby="rules">
      <h2 id="rules">${t.title}</h2>
      <${Problem} failure=${load.failure.value} onRetry=${load.run} />
      ${denied && html`<p class="hint" id="rules-why">${denied}</p>`}
      ${known && html`
        <div class="choice">
          <${Rule} label=${t.confirm} hint=${t.confirmHint} on=${!known.trustReports} denied=${denied}
            onChange=${(/** @type {boolean} */ on) => run("setTrustReports", { trustReports: !on })} />
          <${Rule} label=${t.propose} hint=${t.proposeHint} on=${known.proposeOnly} denied=${denied}
            onChange=${(/** @type {boolean} */ on) => run("setProposeOnly", { proposeOnly: on })} />
          ${!known.proposeOnly && clients.map(({ id, name }) => html`
            <${Rule} key=${id} label=${t.proposeOne(name)} on=${known.clients.some((c) => c.clientId === id)} denied=${denied}
              onChange=${(/** @type {boolean} */ on) => run("setProposeOnly", { clientId: id, proposeOnly: on })} />`)}
        </div>`}
      <${Problem} failure=${failure.value} />
    </section>`;
}

/** One rule that holds or does not. @param {{label: string, hint?: string, on: boolean, denied: string, onChange: (on: boolean) => void}} props */
const Rule = ({ label, hint, on, denied, onChange }) => html`
  <label><input type="checkbox" checked=${on} aria-disabled=${denied ? "true" : null} aria-describedby=${denied ? "rules-why" : null}
    onChange=${(/** @type {Event} */ event) => {
      const box = /** @type {HTMLInputElement} */ (event.currentTarget);
      const wanted = box.checked;
      box.checked = on; // until it is so
      if (!denied) onChange(wanted);
    }} /><span>${label}${hint && html`<small>${hint}</small>`}</span></label>`;
