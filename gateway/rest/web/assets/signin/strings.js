// Texts of signing in, in all its steps.

import { isolating } from "../core/html.js";
import { either } from "../core/locale.js";
import { count, reasons } from "../core/strings.js";
import { methodNames } from "./method-strings.js";

Object.assign(reasons, {
  CODE_INVALID: "This code is wrong, was used before, or has expired. Check it, or take a new one.",
  SIGN_IN_EXPIRED: "That took longer than a sign-in may take. Please start again.",
  SSO_NOT_CONFIGURED: "There is no organization of this name with single sign-on.",
});

/**
 * What became of a sign-in that led through another site, by the name that the server gives it.
 * @type {Record<string, string>}
 */
export const arrivals = {
  AUTHENTICATE_AGAIN: "The organization asks for another way to sign in than the one that you took.",
  SECOND_FACTOR: "The organization asks for a second factor.",
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

export const texts = isolating({
  signIn: {
    again: "Sign in again",
    product: "Objectives, and the key results by which you will know: for people and their AI agents.",
    lead: "No password: you get a code by e-mail, or go on with an account that you have. New here? Sign in the same way.",
    email: "E-mail address",
    emailWrong: "Write a whole e-mail address, such as ada@acme.test.",
    send: "Send me a code",
    or: "or",
    google: "Continue with Google",
    sso: "Single sign-on of your organization",
    slug: "Short name of your organization",
    slugHint: "As in addresses: Acme Corp may be acme.",
    slugMissing: "Write the short name first.",
    goOn: "Go on",
    codeTitle: "Enter the code",
    sent: (/** @type {string} */ email) => `We sent six digits to ${email}.`,
    codeLife: "They are good for ten minutes.",
    local: "This server sends no e-mail, it only shows it:",
    mailbox: "Open the mailbox",
    code: "Code",
    codeWrong: "The code has six digits.",
    enterCode: "Sign in",
    resend: "Send another one",
    otherAddress: "Use another address",
    as: (/** @type {string} */ email) => `Signed in as ${email}.`,
    somebodyElse: "Sign in as somebody else",
  },

  ended: {
    title: "Your session has ended",
    kept: "Sign in again to go on where you are. What you typed is kept.",
    later: "Not now",
    welcome: "You are signed in again.",
  },

  organizations: {
    choose: "Choose an organization",
    here: "You are here",
    enter: "Enter",
    enterNamed: (/** @type {string} */ name) => `Enter ${name}`,
    none: "There is none yet that you can enter. Create one, or ask to be invited.",
    create: "Create an organization",
    createHint: "Whoever creates it administers it.",
    createNow: "Create",
    createSignedIn: (/** @type {string} */ email) => `For that, prove once more that ${email} is yours. Whoever creates an organization administers it.`,
    sendCode: "Send me a code",
  },

  membership: (/** @type {string} */ membership) => ({
    MEMBERSHIP_ACTIVE: "Member", MEMBERSHIP_INVITED: "You are invited", MEMBERSHIP_ELIGIBLE: "You may join",
    MEMBERSHIP_PENDING: "You were added",
  })[membership] ?? "",

  again: {
    title: (/** @type {string} */ name) => `${name || "This organization"} asks for another way to sign in`,
    why: "Its administrators decided how members prove who they are. Your address is proven; this step is left:",
    sso: (/** @type {string} */ name) => `Sign in with ${name}’s single sign-on`,
    code: "Send me a code by e-mail",
    others: (/** @type {string[]} */ methods) =>
      `It also takes ${either.format(methods.map((m) => methodNames[m] ?? m.replaceAll("_", " ")))}, which cannot be used here.`,
    back: "Choose another organization",
  },

  secondFactor: {
    title: "A second factor is needed",
    why: (/** @type {string} */ name) => `${name || "This organization"} asks for a second factor after your e-mail address.`,
    others: "It does not take authenticator apps, and this app takes nothing else. An administrator of the organization can allow them, or you go on in another organization.",
    register: "An authenticator app on your phone or computer shows a new code every half a minute. Set one up now; from then on you sign in with its codes.",
    begin: "Set up an authenticator app",
    scan: "Scan this with your authenticator app, or type the secret into it.",
    picture: "QR code for an authenticator app",
    secret: "Secret",
    copySecret: "Copy the secret",
    address: "The same as an address",
    copyAddress: "Copy the address",
    open: "Open it in an app on this device",
    keep: "Keep these recovery codes where you find them without the app. Each one signs you in once. They are not shown again.",
    copyCodes: "Copy the recovery codes",
    enterFirst: "Then enter the code that the app shows.",
    enter: "Enter the code that your authenticator app shows.",
    code: "Code of the app",
    lost: "Use a recovery code",
    useApp: "Use the app",
    recoveryCode: "Recovery code",
    recoveryHint: "One of those that you were given when you set up the app.",
    left: (/** @type {number} */ n) => (n > 0
      ? `You are signed in. You have ${count(n, "recovery code")} left.`
      : "You are signed in. That was your last recovery code: ask an administrator to reset your second factor before you lose the app."),
  },
});
