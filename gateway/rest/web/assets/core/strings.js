// The texts of the app. Those of views that are not seen first are in ../views/strings.js.

/** @typedef {import("./api.js").Failure} Failure */
/** @typedef {import("../okrs/watch.js").Change} Change */

/** @param {number} n @param {string} one @param {string} [many] */
const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

const quoted = (/** @type {string} */ value) => `“${value}”`;

const list = new Intl.ListFormat("en", { type: "disjunction" });

const verbs = { CREATE: "add", READ: "see", UPDATE: "change", DELETE: "delete" };
const nouns = { objective: "objectives", key_result: "key results" };

/**
 * What is said of each reason of an error. Views add those of their own.
 * @type {Record<string, string>}
 */
export const reasons = {
  TOKEN_MISSING: "Your session has ended. What you typed is kept: sign in again, then send it once more.",
  TOKEN_INVALID: "Your session has ended. What you typed is kept: sign in again, then send it once more.",
  TOKEN_EXPIRED: "Your session has ended. What you typed is kept: sign in again, then send it once more.",
  ROLE_MISSING: "Your role does not allow this any more. Nothing was changed, and what you typed is kept.",
  AUTHZ_UNAVAILABLE: "The service that checks permissions does not answer. Nothing was changed, and what you typed is kept. Try again in a moment.",
  RATE_LIMITED: "That was a lot at once. Wait a little, then try again; what you typed is kept.",
  OBJECTIVE_NOT_FOUND: "This objective is not there any more. Somebody may have deleted it.",
  KEY_RESULT_NOT_FOUND: "This key result is not there any more. Somebody may have deleted it.",
  KEY_RESULT_LIMIT_REACHED: "This objective has as many key results as it can hold.",
  ETAG_MISMATCH: "Somebody else changed this at the same moment. Look at it again, then try once more.",
  CODE_INVALID: "This code is wrong, was used before, or has expired. Check it, or ask for a new one.",
  SIGN_IN_EXPIRED: "That took longer than a sign-in may take. Please start again.",
  ORGANIZATION_NOT_FOUND: "You cannot enter this organization. Its administrators can invite you.",
  ORGANIZATION_SLUG_TAKEN: "This short name is taken. Choose another one.",
  SSO_NOT_CONFIGURED: "There is no organization of this name with single sign-on.",
  STYTCH_DENIED: "Your role does not allow this.",
};

/**
 * A failure in a sentence or two: what happened, and what can be done.
 * @param {Failure} failed
 */
function failure(failed) {
  if (failed.status === 0) return "The server did not answer. What you typed is kept. Check the connection and try again.";
  if (failed.violations.length > 0) return failed.violations.map((v) => `${v.field ? `${v.field}: ` : ""}${v.description}.`).join(" ");
  if (failed.reason === "STYTCH_DENIED" && failed.metadata.roles) return `Your role does not allow this. It takes the role ${roleNames(failed.metadata.roles.split(" "))}.`;
  if (reasons[failed.reason]) return reasons[failed.reason];
  if (failed.status === 401) return reasons.TOKEN_EXPIRED;
  if (failed.status === 503 || failed.status === 502 || failed.status === 504) return "The service is not available right now. What you typed is kept. Try again in a moment.";
  if (failed.status >= 500) return "Something went wrong on our side. What you typed is kept. Try again; if it stays, tell us the number.";
  return failed.message || "That did not work.";
}

const roles = { stytch_admin: "CEO", manager: "Manager", stytch_member: "Employee" };

/** @param {string[]} ids */
const roleNames = (ids) => list.format(ids.map((id) => roles[/** @type {keyof typeof roles} */ (id)] ?? id));

/** @type {Record<string, string>} */
const methodNames = {
  sso: "single sign-on", google_oauth: "Google", email_otp: "a code by e-mail", magic_link: "a link by e-mail",
  password: "a password", microsoft_oauth: "Microsoft", github_oauth: "GitHub", slack_oauth: "Slack", hubspot_oauth: "HubSpot",
};

/** @param {string} by @param {Change} change */
function changeSentence(by, { before, after }) {
  const kind = (after ?? before)?.objective ? "objective" : "key result";
  const was = before?.objective ?? before?.keyResult;
  const is = after?.objective ?? after?.keyResult;
  if (!is) return `${by} deleted the ${kind} ${quoted(was?.title ?? "")}.`;
  if (!was) return `${by} added the ${kind} ${quoted(is.title)}.`;
  const attainment = after?.keyResult?.attainment;
  if (attainment !== undefined && attainment !== before?.keyResult?.attainment) return `${by} set ${quoted(is.title)} to ${attainment} percent.`;
  return `${by} changed the ${kind} ${quoted(was.title)} to ${quoted(is.title)}.`;
}

export const text = {
  product: "OKR Manager",
  titled: (/** @type {string} */ title) => `${title} – OKR Manager`,
  skip: "Skip to the content",
  loading: "Loading …",
  tryAgain: "Try again",
  viewBroken: "This part of the page could not be loaded. Check the connection and try again.",
  number: "Number:",
  you: "You",
  save: "Save",
  saved: "Saved.",
  set: "Set",
  cancel: "Cancel",
  keep: "Keep",
  dismiss: "Dismiss",
  copy: "Copy",
  copied: "Copied.",
  empty: "Write something first.",
  restApi: "REST API",
  quoted,
  failure,
  roles,
  roleNames,
  methodNames,

  why: (/** @type {string} */ role, /** @type {keyof typeof verbs} */ action, /** @type {keyof typeof nouns} */ resource) =>
    `Your role (${role}) cannot ${verbs[action]} ${nouns[resource]}.`,

  whyNot: (/** @type {string} */ role, /** @type {string[]} */ roles) =>
    `Your role (${role}) does not allow this.${roles.length > 0 ? ` It takes the role ${list.format(roles)}.` : ""}`,

  memberStatus: (/** @type {string} */ status) => ({
    MEMBER_STATUS_INVITED: "Invited", MEMBER_STATUS_PENDING: "Added", MEMBER_STATUS_DELETED: "Deactivated",
  })[status] ?? "",

  nav: {
    label: "Main", objectives: "Objectives", members: "Members", settings: "Settings", agents: "Agents", about: "Help",
  },

  theme: { label: "Colours", system: "Auto", light: "Light", dark: "Dark" },

  menu: {
    label: "account menu",
    role: (/** @type {string} */ role, /** @type {string} */ organization) => `${role} at ${organization}`,
    organizations: "Organizations",
    switchTo: (/** @type {string} */ name) => `Switch to ${name}`,
    all: "All organizations, or a new one",
    logOut: "Log out",
    out: "You are logged out.",
  },

  live: {
    cut: "Not live: connecting again …",
    back: "Live again.",
    who: (/** @type {string} */ name, /** @type {string} */ client) => `${name || "Somebody"}${client ? ` via ${client}` : ""}`,
    justNow: "just now",
    change: changeSentence,
    many: (/** @type {number} */ n) => `${n} changes by others.`,
  },

  ended: {
    title: "Your session has ended",
    kept: "Sign in again to go on where you are. What you typed is kept.",
    later: "Not now",
    welcome: "You are signed in again.",
  },

  conflict: {
    title: (/** @type {string} */ by) => `${by || "Somebody else"} changed this while you were at it.`,
    theirs: "Now",
    mine: "Yours",
    keepMine: "Use mine",
    keepTheirs: "Leave it as it is now",
  },

  gone: (/** @type {string} */ by) => `${by || "Somebody"} deleted this while you were at it. What you typed:`,

  editing: (/** @type {string} */ title) => `Edit ${quoted(title)}`,

  objectives: {
    new: "New objective",
    none: "No objectives yet",
    noneYet: "An objective is what you want to achieve. Its key results say how you will know. Add the first one above.",
    noneForYou: "Somebody whose role allows it can add the first one. You will see it here at once.",
    count: (/** @type {number} */ objectives, /** @type {number} */ keyResults) =>
      `${count(objectives, "objective")} · ${count(keyResults, "key result")}`,
    average: (/** @type {string} */ progress) => `${progress} on average`,
    more: (/** @type {number} */ n, /** @type {number} */ rest) => (n === rest ? `Show the last ${rest}` : `Show ${n} more of ${rest}`),
    loading: (/** @type {number} */ n) => (n > 0 ? `Loading objectives: ${n} so far.` : "Loading objectives."),
  },

  objective: {
    new: "What do you want to achieve?",
    hint: "One sentence that everybody can remember.",
    add: "Add objective",
    added: "Objective added.",
    edit: "Text of the objective",
    unmeasured: "No key results yet: nothing says how far this is.",
    bar: (/** @type {string} */ title) => `Progress of ${quoted(title)}`,
    made: (/** @type {string} */ by, /** @type {string} */ when) => (by ? `Added by ${by}, ${when}` : `Added ${when}`),
  },

  keyResult: {
    new: "How will you know?",
    hint: "A result that can be measured.",
    add: "Add key result",
    addTo: (/** @type {string} */ title) => `Add key result to ${quoted(title)}`,
    added: "Key result added.",
    edit: "Text of the key result",
    list: (/** @type {string} */ title) => `Key results of ${quoted(title)}`,
    reached: "Reached",
    open: "Not started",
    under: (/** @type {string} */ rest) => `${rest} to go`,
  },

  attainment: {
    label: (/** @type {string} */ title) => `Percent achieved of ${quoted(title)}`,
    set: (/** @type {string} */ title) => `Set ${quoted(title)}`,
    bar: (/** @type {string} */ title) => `Attainment of ${quoted(title)}`,
    saved: (/** @type {string} */ title, /** @type {string} */ value) => `${quoted(title)} is at ${value}.`,
    wrong: "A whole number from 0 to 100, please.",
  },

  delete: {
    objective: {
      label: (/** @type {string} */ title) => `Delete ${quoted(title)}`,
      title: "Delete this objective?",
      yes: "Delete objective",
      done: "Objective deleted.",
      warning: (/** @type {number} */ n) => (n === 0 ? "This cannot be undone." : `Its ${count(n, "key result")} will be deleted with it. This cannot be undone.`),
    },
    key_result: {
      label: (/** @type {string} */ title) => `Delete ${quoted(title)}`,
      title: "Delete this key result?",
      yes: "Delete key result",
      done: "Key result deleted.",
      warning: () => "This cannot be undone.",
    },
  },

  signIn: {
    short: "Sign in",
    again: "Sign in again",
    lead: "No password: you get a code by e-mail, or go on with an account that you have.",
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
    code: "Code",
    codeWrong: "The code has six digits.",
    enterCode: "Sign in",
    resend: "Send another one",
    otherAddress: "Use another address",
    as: (/** @type {string} */ email) => `Signed in as ${email}.`,
    somebodyElse: "Sign in as somebody else",
    done: "You are signed in.",
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

  consentFirst: "An application asks for access to your objectives. Sign in first; then you will see what it asks for.",

  again: {
    title: (/** @type {string} */ name) => `${name || "This organization"} asks for another way to sign in`,
    why: "Its administrators decided how members prove who they are. Your address is proven; this step is left:",
    sso: (/** @type {string} */ name) => `Sign in with ${name}’s single sign-on`,
    code: "Send me a code by e-mail",
    others: (/** @type {string[]} */ methods) =>
      `It also takes ${list.format(methods.map((m) => methodNames[m] ?? m.replaceAll("_", " ")))}, which cannot be used here.`,
    back: "Choose another organization",
  },

  secondFactor: {
    title: "A second factor is needed",
    why: (/** @type {string} */ name) => `${name || "This organization"} asks for a second factor, such as a code by text message, after your e-mail address.`,
    next: "This app cannot take one yet. An administrator of the organization can lift the rule in its sign-in settings, or you go on in another organization.",
  },

  titles: {
    objectives: "Objectives", members: "Members", settings: "Settings", agents: "Connected agents", about: "About and help",
    consent: "Allow access", organizations: "Your organizations", signIn: "Sign in",
  },
};
