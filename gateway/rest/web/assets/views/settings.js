// The organization: its name, how people enter it, its connections to an identity provider, and everything as a file.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { loadAccess, whyNot } from "../core/administration.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { ask, renew, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Lazy } from "../ui/lazy.js";
import { Problem } from "../ui/problem.js";
import { Connections } from "./connections.js";
import { SignInSettings } from "./sign-in-settings.js";
import { texts } from "./strings.js";

const t = texts.settings;

const scim = () => import("./scim.js");
const transfer = () => import("../transfer/transfer.js");

export default function Settings() {
  const ready = useSignal(false);
  const connections = useSignal(/** @type {import("./connections.js").Connection[]|null} */ (null));
  const { failure, run } = useAction(async () => {
    await loadAccess();
    ready.value = true;
  });
  useEffect(() => { run(); }, []);
  return html`
    <div class="view-head">
      <div><p class="kicker">${session.value?.organizationName}</p><h1 tabindex="-1">${text.titles.settings}</h1></div>
    </div>
    <${Problem} failure=${failure.value} onRetry=${run} />
    ${!ready.value && !failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
    ${ready.value && html`<${Name} /><${SignInSettings} connections=${connections.value} /><${Connections} all=${connections} /><${Lazy} key="scim" load=${scim} />`}
    <${Lazy} key="transfer" load=${transfer} />`;
}

/** The organization's name and short name. */
function Name() {
  const found = useSignal(/** @type {{displayName: string, slug: string, etag: string}|null} */ (null));
  const name = useSignal("");
  const slug = useSignal("");
  const load = useAction(async () => {
    found.value = await ask("GET", "organization");
    name.value = found.value?.displayName ?? "";
    slug.value = found.value?.slug ?? "";
  });
  const { busy, failure, run } = useAction(async () => {
    const known = found.peek();
    if (!known) return;
    /** @type {Record<string, string>} */
    const change = { etag: known.etag };
    if (name.peek().trim() !== known.displayName) change.displayName = name.peek().trim();
    if (slug.peek().trim() !== known.slug) change.slug = slug.peek().trim();
    const mask = Object.keys(change).filter((field) => field !== "etag");
    if (mask.length > 0) found.value = await ask("PATCH", `organization?updateMask=${mask}`, { body: change });
    say(text.saved);
    await renew();
  });
  useEffect(() => { load.run(); }, []);
  const deniedName = whyNot("stytch.organization:update.info.name");
  const deniedSlug = whyNot("stytch.organization:update.info.slug");
  const save = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!deniedName || !deniedSlug) run();
  };
  return html`
    <section class="card" aria-labelledby="organization">
      <h2 id="organization">${t.organization}</h2>
      <${Problem} failure=${load.failure.value} onRetry=${load.run} />
      ${found.value && html`
        <form class="settings" onSubmit=${save} novalidate>
          <${Field} label=${t.name} hint=${deniedName} value=${name.value} maxlength="128" readonly=${Boolean(deniedName)}
            error=${name.value.trim() ? "" : text.empty} onValue=${(/** @type {string} */ typed) => { name.value = typed; }} />
          <${Field} label=${t.slug} hint=${deniedSlug || t.slugHint} value=${slug.value} maxlength="128" readonly=${Boolean(deniedSlug)}
            spellcheck=${false} autocapitalize="none" onValue=${(/** @type {string} */ typed) => { slug.value = typed; }} />
          <${Problem} failure=${failure.value} />
          <p><${Button} kind="primary" submit busy=${busy.value} why=${deniedName && deniedSlug}>${text.save}<//></p>
        </form>`}
    </section>`;
}
