// Texts of the second factor of who is signed in.

import { isolating } from "../core/html.js";
import { count, reasons } from "../core/strings.js";

Object.assign(reasons, {
  TOTP_NOT_FOUND: "There is no authenticator app to this code: setting it up took too long, or too many codes were wrong. Go back and start again.",
  TOTP_EXISTS: "You have an authenticator app already. Go back to see it.",
});

export const own = isolating({
  title: "Second factor",
  on: "On: whenever you sign in, you are asked for a code of your authenticator app.",
  waiting: "You are asked for a second factor whenever you sign in, and have none yet: the next sign-in will ask you to set one up.",
  idle: "Off: you have an authenticator app, and are not asked for its codes.",
  off: "Off: whoever reads your e-mail can sign in as you. With an authenticator app, signing in also takes a code that only your phone or computer shows.",
  refused: (/** @type {string} */ organization) => `${organization} does not take authenticator apps.`,
  required: (/** @type {string} */ organization) => `${organization} asks all its members for a second factor.`,
  left: (/** @type {number} */ n) => (n > 0
    ? `You have ${count(n, "recovery code")} left.`
    : "You have no recovery codes left: without the app you could not sign in. Make new ones."),
  turnOn: "Ask me for a code",
  turnedOn: "From now on you are asked for a code whenever you sign in.",
  rotate: "New recovery codes",
  rotateHint: "The recovery codes that you have stop working. Enter the code that the app shows now; one that you used already does not count again.",
  rotated: "The recovery codes from before do not work any more.",
  remove: "Remove the app",
  removeHint: "Enter the code that the app shows now; one that you used already does not count again. The recovery codes go with the app.",
  lostHint: "The recovery codes go with the app. You go on being asked for a second factor: set up another app then.",
  removed: "The authenticator app is removed.",
  confirm: "Turn on",
  make: "Make new codes",
  cancel: "Cancel",
  kept: "I have kept them",
  close: "Close",
});
