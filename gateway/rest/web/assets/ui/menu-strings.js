// The texts of the account menu, beside its name.

export const menu = {
  role: (/** @type {string} */ role, /** @type {string} */ organization) => `${role} at ${organization}`,
  organizations: "Organizations",
  switchTo: (/** @type {string} */ name) => `Switch to ${name}`,
  all: "All organizations, or a new one",
  keys: "Keyboard shortcuts",
  logOut: "Log out",
  out: "You are logged out.",
};
