// What the menu of whoever is signed in holds: who and where, other organizations, log out.

import { useEffect } from "../vendor/preact-hooks.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { discovered, discover, switchTo } from "../core/organizations.js";
import { navigate } from "../core/router.js";
import { logOut, nameOf, role, session } from "../core/session.js";
import { sheetOpen } from "../keys/setting.js";
import { Button } from "./button.js";
import { menu } from "./menu-strings.js";
import { Problem } from "./problem.js";

/** @param {{onClose: () => void, onFactor: () => void}} props onFactor: to show the second factor */
export default function Panel({ onClose, onFactor }) {
  useEffect(() => { discover(); }, []);
  const current = /** @type {import("../core/api.js").Session} */ (session.value);
  const leave = useAction(async () => {
    await logOut();
    say(menu.out);
    navigate("/signin");
  });
  const change = useAction(async (/** @type {import("../core/api.js").Organization} */ organization) => {
    const answer = await switchTo(organization);
    onClose();
    navigate(answer === "done" ? "/" : "/organizations");
  });
  const shortcuts = () => {
    onClose(); // the focus is back on the menu, and returns there
    sheetOpen.value = true;
  };
  const factor = () => {
    onClose();
    onFactor();
  };
  const others = (discovered.value ?? []).filter((o) => o.organizationId !== current.principal.organizationId);
  return html`
    <p class="me"><strong>${nameOf(current)}</strong><span>${current.emailAddress}</span>
      <span>${menu.role(role(current), current.organizationName)}</span></p>
    <h2>${menu.organizations}</h2>
    <ul>
      ${others.slice(0, 5).map((o) => html`
        <li key=${o.organizationId}><${Button} kind="quiet" busy=${change.busy.value} onClick=${() => change.run(o)}>
          ${menu.switchTo(o.displayName)}<//></li>`)}
      <li><a class="button quiet" href="/organizations">${menu.all}</a></li>
    </ul>
    <${Problem} failure=${change.failure.value} />
    <p class="leave"><${Button} kind="quiet" icon="lock" onClick=${factor}>${menu.factor}<//></p>
    <p><${Button} kind="quiet" icon="keys" onClick=${shortcuts}>${menu.keys}<//></p>
    <p><${Button} kind="quiet" icon="out" busy=${leave.busy.value} onClick=${leave.run}>${menu.logOut}<//></p>
    <${Problem} failure=${leave.failure.value} />`;
}
