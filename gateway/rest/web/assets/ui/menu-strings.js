// The texts of the account menu, beside its name.

import { isolating } from "../core/html.js";

export const menu = isolating({
  role: (/** @type {string} */ role, /** @type {string} */ organization) => `${role} at ${organization}`,
  organizations: "Organizations",
  switchTo: (/** @type {string} */ name) => `Switch to ${name}`,
  all: "All organizations, or a new one",
  factor: "Second factor",
  keys: "Keyboard shortcuts",
  logOut: "Log out",
  out: "You are logged out.",
});
