// The texts of the forms for objectives, key results and check-ins.

import { isolating } from "../core/html.js";
import { count, reasons, text } from "../core/strings.js";
import { percent } from "../core/values.js";

const { quoted } = text;
const back = "It can be brought back under Activity.";

Object.assign(reasons, {
  STORAGE_FULL: "The server has no room to save anything. Nothing was changed, and what you typed is kept. Tell whoever runs it.",
  OBJECTIVE_STATE_CONFLICT: "This objective is archived. Restore it first.",
  KEY_RESULT_LIMIT_REACHED: "This objective has as many key results as it can hold.",
  OBJECTIVE_LIMIT_REACHED: "This organization has as many objectives as it can hold.",
  PARENT_INVALID: "The objective that it contributes to was deleted, stands below it, or stands too deep.",
});

export const t = isolating({
  more: "More fields",
  optional: "(optional)",
  gone: (/** @type {string} */ by) => `${by || "Somebody"} deleted this while you were at it. What you typed:`,

  report: {
    by: (/** @type {string} */ client) => `Reported by the agent ${quoted(client)}, and not confirmed yet.`,
    unnamed: "without a name",
    confirm: "Confirm",
    confirmNamed: (/** @type {string} */ title) => `Confirm the value of ${quoted(title)}`,
    confirmed: (/** @type {string} */ title) => `You have confirmed the value of ${quoted(title)}.`,
  },

  conflict: {
    title: (/** @type {string} */ by) => `${by || "Somebody else"} changed this while you were at it.`,
    theirs: "Now",
    mine: "Yours",
    keepMine: "Use mine",
    keepTheirs: "Leave it as it is now",
    nothing: "Nothing",
    all: (/** @type {[string, string][]} */ fields) => fields.map(([name, value]) => `${name}: ${value}`).join("; "),
  },

  objective: {
    new: "What do you want to achieve?",
    hint: "One sentence that everybody can remember.",
    add: "Add objective",
    added: "Objective added.",
    edit: "Text of the objective",
    description: "Why it matters, and what is meant",
    owner: "Owner",
    cycle: "Cycle",
    noCycle: "None",
    otherCycle: "Another one …",
    cycleText: "Which cycle",
    cycleHint: "A year, a half or a quarter, such as 2027, 2027-H1 or 2027-Q3.",
    cycleWrong: "Write it as 2027, 2027-H1 or 2027-Q3.",
    start: "Start",
    due: "Due",
    datesHint: "Empty: as the cycle has them.",
    order: "This is before the start.",
    parent: "Contributes to",
    noParent: "No other objective",
    parentRefused: /** @type {Record<string, string>} */ ({
      MISSING: "The objective that it contributes to was deleted. Choose another.",
      BELOW: "The objective that it contributes to is this one, or stands below it. Choose another.",
      DEPTH: "The objective that it contributes to stands too deep: at most 10 stand above each other. Choose another.",
    }),
    parentGone: "An objective that was deleted",
    parentNone: "No other objective has these words.",
    parentFailed: "The objectives could not be looked for. Type again, or try later.",
    parentFound: (/** @type {number} */ n) => (n > 0 ? `${count(n, "objective")} to choose from.` : "No other objective has these words."),
  },

  keyResult: {
    new: "How will you know?",
    hint: "A result that can be measured.",
    add: "Add key result",
    added: "Key result added.",
    edit: "Text of the key result",
    owner: "Owner",
    kind: "Measured by",
    kinds: /** @type {[string, string][]} */ ([["KEY_RESULT_KIND_METRIC", "A number"], ["KEY_RESULT_KIND_MILESTONE", "Done or not done"]]),
    format: "Written as",
    formats: /** @type {[string, string][]} */ ([
      ["VALUE_FORMAT_PERCENT", "Percentage"], ["VALUE_FORMAT_NUMBER", "Number"], ["VALUE_FORMAT_CURRENCY", "Money"],
    ]),
    start: "From",
    target: "To",
    same: "It has to differ from the start.",
    unit: "What is counted",
    unitHint: "Such as customers.",
    currency: "Currency",
    currencyHint: "Three letters, such as EUR.",
    currencyWrong: "Three capital letters, such as EUR.",
    weight: "Weight",
    weightHint: "From 1 to 100. Most count once.",
    weightWrong: "A whole number from 1 to 100, please.",
  },

  number: {
    none: (/** @type {string} */ one, /** @type {string} */ other) => `A number of at most 18 digits, please, such as ${one} or ${other}.`,
    ambiguous: (/** @type {string} */ typed, /** @type {string} */ whole, /** @type {string} */ fraction) =>
      `${quoted(typed)} can be read as two numbers: type ${whole} for the whole number, or ${fraction} for the one with a fraction.`,
  },

  people: {
    nobody: "Nobody",
    me: (/** @type {string} */ name) => `Me (${name})`,
    objectiveOwner: "The objective’s owner",
  },

  checkIn: {
    value: "Value now",
    before: (/** @type {string} */ value) => `It was ${value}.`,
    done: "Done",
    notDone: "Not done",
    confidence: "How does it look?",
    nothingNew: "As before",
    note: "What happened",
    links: "Where it can be seen",
    link: (/** @type {number} */ n) => `Link ${n}`,
    linkWrong: "An address that begins with https:// or http://, please.",
    seen: (/** @type {number} */ n) => `What link ${n} shows`,
    addLink: "Add a link",
    save: "Check in",
    saved: (/** @type {string} */ title) => `Checked in on ${text.quoted(title)}.`,
    empty: "Say something first: a value, how it looks, or what happened.",
  },

  close: {
    title: (/** @type {string} */ title) => `Close ${text.quoted(title)}`,
    score: "Score",
    scoreHint: (/** @type {number|undefined} */ progress) =>
      `From 0 (nothing) to 1 (all of it).${progress === undefined ? "" : ` Its key results are at ${percent(progress)}.`}`,
    scoreWrong: "A number from 0 to 1 with at most two digits behind the point, please.",
    note: "Why this score",
    save: "Close objective",
    saved: "Closed.",
  },

  delete: {
    objective: {
      title: "Delete this objective?",
      yes: "Delete objective",
      done: "Objective deleted.",
      warning: (/** @type {number} */ n) => (n === 0 ? back : `Its ${count(n, "key result")} will be deleted with it. ${back}`),
    },
    key_result: {
      title: "Delete this key result?",
      yes: "Delete key result",
      done: "Key result deleted.",
      warning: () => back,
    },
    instead: "An archived one is out of the way, and keeps everything:",
    archive: "Archive instead",
  },

  none: {
    title: "No objectives yet",
    yet: "An objective is what you want to achieve. Its key results say how you will know. Add the first one above.",
    agent: "Or connect an AI agent",
    forYou: "Somebody whose role allows it can add the first one. You will see it here at once.",
  },

  nothing: {
    title: "Nothing fits this filter",
    hint: "Take a condition away, or look for another word.",
    clear: "Show all",
  },

  checkIns: {
    count: (/** @type {number} */ n) => `${count(n, "key result")} to report on, those first that have waited longest`,
    keys: "Type a value and press Enter; Tab goes on to the next one, Shift+Tab back through everything.",
    none: "Nothing to report on",
    noneHint: "Key results that you own, or that nobody owns in an objective of yours, appear here when it is time to report on them. All of them are under Objectives.",
    all: "All objectives",
  },

  filter: {
    label: "Which objectives",
    cycle: "Cycle",
    anyCycle: "Any",
    owner: "Owner",
    anybody: "Anybody",
    state: "State",
    states: /** @type {[string, string][]} */ ([["", "Current"], ["active", "Active"], ["closed", "Closed"], ["archived", "Archived"]]),
    text: "Words",
    clear: "Show all",
    print: "Print",
    me: "Me",
    printed: (/** @type {string} */ organization, /** @type {string} */ filter, /** @type {string} */ day) =>
      [organization, filter, `printed on ${day}`].filter(Boolean).join(" · "),
  },
});
