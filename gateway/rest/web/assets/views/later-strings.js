// The texts of what is loaded only when it is asked for, in members and settings.

import { isolating } from "../core/html.js";
import { spoken } from "../core/locale.js";
import { reasons } from "../core/strings.js";

Object.assign(reasons, {
  SCIM_CONNECTION_NOT_FOUND: "This connection is not there any more.",
  SCIM_CONNECTION_EXISTS: "There is a connection already. Reload the page to see it.",
  SCIM_ROTATION_NOT_STARTED: "No new token is waiting. Somebody else completed or cancelled this; reload the page to see.",
  MEMBER_SESSION_NOT_FOUND: "This session has ended already.",
});

const both = new Intl.ListFormat(spoken);

export const texts = isolating({
  sessions: {
    own: "Your sessions",
    of: (/** @type {string} */ name) => `Sessions of ${name}`,
    lead: "One for each sign-in in a browser. Connected agents are not among them and go on. The device and the place are not known.",
    none: "Not signed in anywhere.",
    current: "This one",
    by: (/** @type {string[]} */ factors) => (factors.length > 0 ? `By ${both.format(factors)}` : "Signed in"),
    factors: /** @type {Record<string, string>} */ ({
      email_otp: "a code by e-mail", magic_link: "a link by e-mail", oauth_google: "Google", oauth_microsoft: "Microsoft",
      oauth_github: "GitHub", oauth_slack: "Slack", oauth_hubspot: "HubSpot", sso_saml: "single sign-on (SAML)",
      sso_oidc: "single sign-on (OpenID Connect)", password: "a password", authenticator_app: "an authenticator app", sms: "a code by text message",
      recovery_code: "a recovery code", impersonation: "the support of the sign-in provider",
    }),
    began: (/** @type {string} */ time) => `since ${time}`,
    used: (/** @type {string} */ when) => `last used ${when}`,
    ends: (/** @type {string} */ time) => `until ${time} at the latest`,
    end: "End",
    endNamed: (/** @type {string} */ how, /** @type {string} */ time) => `End: ${how}, since ${time}`,
    ended: "Session ended.",
    endAll: "End all",
    allEnded: "All sessions ended.",
    endOthers: "End all others",
    othersEnded: "All other sessions ended.",
    close: "Close",
  },

  scim: {
    title: "Provisioning (SCIM)",
    lead: "The organization’s identity provider adds and removes members by itself.",
    name: "Name of the identity provider",
    nameHint: "Such as Okta.",
    create: "Create connection",
    made: "Connection created. Copy its token now.",
    baseUrl: "Base URL",
    copyBaseUrl: "Copy the base URL",
    token: "Bearer token",
    endsWith: (/** @type {string} */ four, /** @type {string} */ until) => `Ends in ${four}${until && `, good until ${until}`}`,
    nextEndsWith: (/** @type {string} */ four, /** @type {string} */ until) => `The new one ends in ${four}${until && `, good until ${until}`}`,
    once: "Copy this token now: it is not shown again.",
    onceFirst: "Give it to the identity provider together with the base URL.",
    onceNext: "Give it to the identity provider, then complete. Until then the old one works, too.",
    copyToken: "Copy the bearer token",
    start: "New token",
    complete: "Complete: end the old token",
    cancel: "Cancel: keep the old token",
    done: { start: "A new token was made. Copy it now.", complete: "The new token has replaced the old one.", cancel: "The old token stays." },
    delete: "Delete this connection",
    ask: (/** @type {string} */ name) => `Delete the SCIM connection ${name}?`,
    warning: "The identity provider manages nobody here any more, and its token ends. Members stay.",
    deleted: "Connection deleted.",
  },

  allowedApps: {
    title: "Applications",
    lead: "Which ones members can connect. One that is not let in any more is disconnected from everybody at once.",
    thirdParty: "Applications of others, agents among them",
    firstParty: "Applications of whoever runs this one",
    options: { ALL_ALLOWED: "All", RESTRICTED: "Only these", NOT_ALLOWED: "None" },
    none: "None is chosen, so none can be connected.",
    id: "Client id of another application",
    add: "Add",
    addNamed: (/** @type {string} */ kind) => `Add to: ${kind}`,
    added: (/** @type {string} */ name) => `${name} was added. Save to let it in.`,
  },
});
