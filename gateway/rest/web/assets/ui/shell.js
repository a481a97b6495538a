// What is around every view: navigation, who is signed in, whether the page is live.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { connection } from "../core/live.js";
import { route, routes } from "../core/router.js";
import { ended, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { choose, theme } from "../core/theme.js";
import { Icon, Mark } from "./icons.js";
import { SessionMenu } from "./session-menu.js";

export function Header() {
  const signedIn = session.value !== null;
  const deciding = route.value.path === "/oauth/authorize"; // nothing else to do there
  return html`
    <header class="site-head">
      <div class="inner">
        <a class="brand" href="/"><${Mark} /><span>${text.product}</span></a>
        ${signedIn && !deciding && html`<${Navigation} />`}
        ${signedIn && html`<${LiveHint} /><${SessionMenu} />`}
      </div>
    </header>`;
}

const Navigation = () => html`
  <nav aria-label=${text.nav.label}>
    <ul>${routes.filter((r) => r.nav).map((r) => html`
      <li><a href=${r.path} aria-current=${route.value.path === r.path ? "page" : route.value.under === r.path ? "true" : null}>${r.nav}</a></li>`)}
    </ul>
  </nav>`;

const patience = 2500; // milliseconds: most breaks are over before anybody has to know

/** A quiet hint that what is shown may be out of date. */
function LiveHint() {
  const late = useSignal(false);
  const cut = connection.value === "cut" && !ended.value;
  useEffect(() => {
    if (!cut) {
      late.value = false;
      return undefined;
    }
    const timer = setTimeout(() => { late.value = true; }, patience);
    return () => clearTimeout(timer);
  }, [cut]);
  return html`<p class="live-hint" role="status">${cut && late.value && html`<${Icon} name="off" /> ${text.live.cut}`}</p>`;
}

export function Footer() {
  return html`
    <footer class="site-foot">
      <div class="inner">
        <p><a href="/about">${text.titles.about}</a> <a href="/docs">${text.restApi}</a></p>
        <${ThemeChoice} />
      </div>
    </footer>`;
}

function ThemeChoice() {
  return html`
    <fieldset class="theme">
      <legend>${text.theme.label}</legend>
      ${/** @type {const} */ (["system", "light", "dark"]).map((choice) => html`
        <label><input type="radio" name="theme" value=${choice} checked=${theme.value === choice}
          onChange=${() => choose(choice)} /><span>${text.theme[choice]}</span></label>`)}
    </fieldset>`;
}
