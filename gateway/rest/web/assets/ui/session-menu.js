// The menu of whoever is signed in: who and where, other organizations, log out.

import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { forgetDrafts } from "../core/drafts.js";
import { initials } from "../core/format.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { address, navigate } from "../core/router.js";
import { logOut, nameOf, role, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { discovered, discover, switchTo } from "../core/organizations.js";
import { Button } from "./button.js";
import { Icon } from "./icons.js";
import { Problem } from "./problem.js";

export function SessionMenu() {
  const open = useSignal(false);
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const current = session.value;
  const at = address.value;
  const close = (/** @type {boolean} */ refocus) => {
    open.value = false;
    if (refocus) box.current?.querySelector("button")?.focus();
  };
  useEffect(() => close(false), [at]);
  useEffect(() => {
    if (!open.value) return undefined;
    discover();
    const outside = (/** @type {Event} */ event) => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) close(false);
    };
    const escape = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") close(true);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
      document.removeEventListener("keydown", escape);
    };
  }, [open.value]);
  if (!current) return null;
  const name = nameOf(current);
  return html`
    <div class="session" ref=${box}>
      <button type="button" class="session-button" aria-expanded=${open.value} aria-controls="session-menu"
        onClick=${() => { open.value = !open.value; }}>
        <span class="avatar" aria-hidden="true">${initials(name)}</span>
        <span class="who"><span>${name}</span>${" "}<span>${current.organizationName}</span></span>${" "}
        <span class="visually-hidden">${text.menu.label}</span>
        <${Icon} name="down" />
      </button>
      <div id="session-menu" class="panel" hidden=${!open.value}>${open.value && html`<${Panel} onClose=${() => close(true)} />`}</div>
    </div>`;
}

/** @param {{onClose: () => void}} props */
function Panel({ onClose }) {
  const current = /** @type {import("../core/api.js").Session} */ (session.value);
  const leave = useAction(async () => {
    await logOut();
    forgetDrafts();
    say(text.menu.out);
    navigate("/signin");
  });
  const change = useAction(async (/** @type {import("../core/api.js").Organization} */ organization) => {
    const answer = await switchTo(organization);
    onClose();
    navigate(answer === "done" ? "/" : "/organizations");
  });
  const others = (discovered.value ?? []).filter((o) => o.organizationId !== current.principal.organizationId);
  return html`
    <p class="me"><strong>${nameOf(current)}</strong><span>${current.emailAddress}</span>
      <span>${text.menu.role(role(current), current.organizationName)}</span></p>
    <h2>${text.menu.organizations}</h2>
    <ul>
      ${others.slice(0, 5).map((o) => html`
        <li key=${o.organizationId}><${Button} kind="quiet" busy=${change.busy.value} onClick=${() => change.run(o)}>
          ${text.menu.switchTo(o.displayName)}<//></li>`)}
      <li><a class="button quiet" href="/organizations">${text.menu.all}</a></li>
    </ul>
    <${Problem} failure=${change.failure.value} />
    <p class="leave"><${Button} kind="quiet" icon="out" busy=${leave.busy.value} onClick=${leave.run}>${text.menu.logOut}<//></p>
    <${Problem} failure=${leave.failure.value} />`;
}
