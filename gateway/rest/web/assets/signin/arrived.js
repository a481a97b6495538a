// What became of a sign-in that led through another site, in words.

import { arrival } from "../core/arrival.js";
import { html } from "../core/html.js";
import { reasons, text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icons.js";

/**
 * By the name that the server gives it.
 * @type {Record<string, string>}
 */
const arrivals = {
  AUTHENTICATE_AGAIN: "The organization asks for another way to sign in than the one that you took.",
  SECOND_FACTOR: "The organization asks for a second factor, which this app cannot take yet.",
  SIGN_IN_LINK_INVALID: "This sign-in link does not work: it was used before, has expired, is not complete, or was started in another browser. Please sign in anew.",
  SIGN_IN_EXPIRED: reasons.SIGN_IN_EXPIRED,
  SSO_NOT_CONFIGURED: "There is no organization of this name with single sign-on. Check the short name, or sign in another way.",
  ORGANIZATION_NOT_FOUND: reasons.ORGANIZATION_NOT_FOUND,
  RATE_LIMITED: "That was a lot of attempts. Wait a little, then try again.",
  AUTHZ_UNAVAILABLE: "Signing in is not possible right now. Please try again in a moment.",
  STYTCH_DENIED: "The organization does not let you in this way. Its administrators can invite you, or allow it in their settings.",
  FIELD_INVALID: "Something about that sign-in was not right. Check what you wrote, and try again.",
  INTERNAL: "Something went wrong on our side, and you were not signed in. Try again; if it stays, tell us the number.",
};

/** @param {import("../core/arrival.js").Arrival} props */
export default function Arrived({ problem, number }) {
  return html`
    <div class="notice bad arrived" role="alert">
      <${Icon} name="warn" />
      <p>${Object.hasOwn(arrivals, problem) ? arrivals[problem] : arrivals.INTERNAL} ${number && html`
        <span class="quiet">${text.number} <code>${number}</code></span>`}</p>
      <${Button} kind="quiet" onClick=${() => { arrival.value = null; }}>${text.dismiss}<//>
    </div>`;
}
