// The texts of the history and the activity view.

import { isolating } from "../core/html.js";
import { count, text } from "../core/strings.js";

const { quoted } = text;

/** @type {Record<string, [verb: string, noun: string, name: string]>} */
const kinds = {
  OBJECTIVE_CREATED: ["added", "the objective", "Objective added"],
  OBJECTIVE_UPDATED: ["changed", "the objective", "Objective changed"],
  OBJECTIVE_CLOSED: ["closed", "the objective", "Objective closed"],
  OBJECTIVE_REOPENED: ["reopened", "the objective", "Objective reopened"],
  OBJECTIVE_ARCHIVED: ["archived", "the objective", "Objective archived"],
  OBJECTIVE_RESTORED: ["restored", "the objective", "Objective restored"],
  OBJECTIVE_DELETED: ["deleted", "the objective", "Objective deleted"],
  KEY_RESULT_CREATED: ["added", "the key result", "Key result added"],
  KEY_RESULT_UPDATED: ["changed", "the key result", "Key result changed"],
  KEY_RESULT_CHECKED_IN: ["checked in on", "the key result", "Check-in"],
  KEY_RESULT_CONFIRMED: ["confirmed the value of", "the key result", "Value confirmed"],
  KEY_RESULT_DELETED: ["deleted", "the key result", "Key result deleted"],
};

export const t = isolating({
  title: (/** @type {string} */ title) => `History of ${quoted(title)}`,
  kinds: Object.entries(kinds).map(([kind, [, , name]]) => /** @type {[string, string]} */ ([kind.toLowerCase(), name])),
  /** What was done, as a noun. @param {string} kind */
  kind: (kind) => kinds[kind.replace("CHANGE_KIND_", "")]?.[2] ?? "A change that you may not see",
  /** What was done; title: to what, "" where that is clear. @param {string} kind @param {string} title */
  did(kind, title) {
    const [verb, noun] = kinds[kind.replace("CHANGE_KIND_", "")] ?? ["changed", ""];
    return title ? `${verb} ${noun} ${quoted(title)}` : verb.replace(/ o[nf]$/, "");
  },
  via: /** @type {Record<string, string>} */ ({
    SURFACE_REST: "in the web app or over REST", SURFACE_MCP: "over MCP", SURFACE_GRPC: "over gRPC",
  }),
  client: (/** @type {string} */ name) => `via ${name}`,
  proposed: (/** @type {string} */ name, /** @type {string} */ through) => `proposed by ${name} ${through}`,
  somebody: "Somebody",
  none: "Nothing yet",
  noneFits: "Nothing fits.",
  more: "Show older changes",
  close: "Close",
  nothing: "nothing",
  becomes: "becomes",
  seen: (/** @type {string} */ value) => `shows ${value}`,

  fields: /** @type {Record<string, string>} */ ({
    title: "Text", description: "Description", ownerId: "Owner", cycle: "Cycle", startDate: "Start", dueDate: "Due",
    parentId: "Contributes to", state: "State", score: "Score", closingNote: "Why this score", currentValue: "Value",
    confidence: "How it looks", startValue: "From", targetValue: "To", unit: "What is counted", format: "Written as", weight: "Weight",
  }),
  states: /** @type {Record<string, string>} */ ({
    OBJECTIVE_STATE_ACTIVE: "Active", OBJECTIVE_STATE_CLOSED: "Closed", OBJECTIVE_STATE_ARCHIVED: "Archived",
  }),
  formats: /** @type {Record<string, string>} */ ({
    VALUE_FORMAT_PERCENT: "Percentage", VALUE_FORMAT_NUMBER: "Number", VALUE_FORMAT_CURRENCY: "Money",
  }),
  done: "Done",
  notDone: "Not done",

  chart: {
    label: (/** @type {string} */ title, /** @type {string} */ rest) => `How ${quoted(title)} went: ${rest}`,
    went: (/** @type {number} */ n, /** @type {string} */ from, /** @type {string} */ first, /** @type {string} */ to, /** @type {string} */ last) =>
      `${count(n, "check-in")}, from ${from} (${first}) to ${to} (${last}).`,
    target: (/** @type {string} */ value) => `The target is ${value}.`,
    expected: (/** @type {string} */ achieved, /** @type {string} */ expected) => `${achieved} of the way are achieved, ${expected} are expected by today.`,
    start: (/** @type {string} */ value) => `Start: ${value}`,
    goal: (/** @type {string} */ value) => `Target: ${value}`,
    marks: { person: "in person", agent: "through an agent", waiting: "not confirmed", expected: "expected", today: "today" },
    table: "The same as a table",
    latest: (/** @type {string} */ n) => `The latest ${n} as a table`,
    some: (/** @type {string} */ n, /** @type {string} */ all) => `There are ${all} check-ins. The latest ${n} are shown here.`,
    scroll: (/** @type {string} */ title) => `Check-ins of ${quoted(title)}`,
    columns: { when: "When", value: "Value", achieved: "Achieved", expected: "Expected by then", who: "Who, and through what" },
    before: (/** @type {string} */ value) => `before: ${value}`,
    undoes: (/** @type {string} */ when) => (when ? `undoes the check-in of ${when}` : "undoes an earlier check-in"),
    undone: (/** @type {string} */ who, /** @type {string} */ when) => `undone by ${who}, ${when}`,
    waiting: "not confirmed yet",
    confirmed: (/** @type {string} */ who, /** @type {string} */ when) => `confirmed by ${who}, ${when}`,
    unconfirmed: "was never confirmed",
  },

  undo: {
    undo: "Undo",
    named: (/** @type {string} */ done, /** @type {string} */ who) => `Undo: ${who} ${done}`,
    isOne: "undid an earlier change",
    title: "Undo this change?",
    what: (/** @type {string} */ who, /** @type {string} */ done) => `${who} ${done}.`,
    will: {
      delete: "What was added will be deleted. That is a change like any other, and can be undone.",
      bringBack: "What was deleted will be there again, with its check-ins. That is a change like any other, and can be undone.",
      change: "It will be as it was before. That is a change like any other, and can be undone.",
    },
    done: "Undone.",
    already: "This was undone before.",
    since: (/** @type {string} */ who) => `${who} has changed this since. Undo that first.`,
    missing: (/** @type {string} */ message) => `Your role does not allow to undo this: ${message}.`,
    impossible: (/** @type {string} */ message) => `This cannot be undone now: ${message}.`,
  },

  activity: {
    lead: "Everything that people and their agents have changed, the newest first.",
    label: "Which changes",
    who: "Who",
    anybody: "Anybody",
    through: "Through",
    anything: "Anything",
    doors: /** @type {[string, string][]} */ ([["rest", "The web app or REST"], ["mcp", "An agent (MCP)"], ["grpc", "gRPC"]]),
    kind: "What",
    first: "From",
    last: "Until",
    order: "This is before the first day.",
    clear: "Show all",
    again: "Look again",
  },
});
