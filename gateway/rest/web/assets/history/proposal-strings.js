// The texts of proposals.

import { isolating } from "../core/html.js";
import { reasons, text } from "../core/strings.js";

const { quoted } = text;

Object.assign(reasons, {
  PROPOSAL_NOT_FOUND: "This proposal is not there any more.",
  PROPOSAL_NOT_OPEN: "This proposal was decided on, taken back, or has expired meanwhile. Nothing was changed now.",
  PROPOSAL_SUPERSEDED: "What this is about was changed after it was proposed. Nothing was changed now; it has to be proposed again.",
});

/** @type {Record<string, [verb: string, noun: string]>} */
const kinds = {
  OBJECTIVE_CREATED: ["add", "the objective"], OBJECTIVE_UPDATED: ["change", "the objective"], OBJECTIVE_CLOSED: ["close", "the objective"],
  OBJECTIVE_REOPENED: ["reopen", "the objective"], OBJECTIVE_ARCHIVED: ["archive", "the objective"], OBJECTIVE_RESTORED: ["restore", "the objective"],
  OBJECTIVE_DELETED: ["delete", "the objective"], KEY_RESULT_CREATED: ["add", "the key result"], KEY_RESULT_UPDATED: ["change", "the key result"],
  KEY_RESULT_CHECKED_IN: ["check in on", "the key result"], KEY_RESULT_DELETED: ["delete", "the key result"],
};

export const p = isolating({
  lead: "Changes that members or agents propose. Nothing is changed until somebody who may make the change approves it.",
  keys: "In a proposal that has the focus: A approves, R rejects, the arrows go to the next one.",
  arrows: "In a proposal that has the focus, the arrows go to the next one.",
  label: "Which proposals",
  show: "Show",
  open: "Open",
  all: "All",
  again: "Look again",
  none: "No proposals are waiting.",
  noneAtAll: "Nothing was ever proposed.",
  news: (/** @type {number} */ n) => (n === 1 ? "There is a new proposal." : `There are ${n} new proposals.`),
  older: "Show older proposals",
  /** @param {string} kind @param {string} title */
  what(kind, title) {
    const [verb, noun] = kinds[kind.replace("CHANGE_KIND_", "")] ?? ["change", ""];
    return `To ${verb} ${noun} ${quoted(title)}`;
  },
  who: (/** @type {string} */ name, /** @type {string} */ through) => `${name} ${through}`,
  with: (/** @type {number} */ n) => (n === 1 ? "Its key result would be deleted, too." : `Its ${n} key results would be deleted, too.`),
  until: (/** @type {string} */ time) => `until ${time}`,
  approve: "Approve",
  approveNamed: (/** @type {string} */ what) => `Approve: ${what}`,
  approved: "Approved. The change is made.",
  reject: "Reject",
  rejectNamed: (/** @type {string} */ what) => `Reject: ${what}`,
  rejected: "Rejected.",
  withdraw: "Take back",
  withdrawNamed: (/** @type {string} */ what) => `Take back: ${what}`,
  withdrawn: "Taken back.",
  reason: "Why, for who proposed it to read",
  states: /** @type {Record<string, string>} */ ({
    PROPOSAL_STATE_APPROVED: "Approved", PROPOSAL_STATE_REJECTED: "Rejected", PROPOSAL_STATE_SUPERSEDED: "Superseded: it was changed meanwhile",
    PROPOSAL_STATE_EXPIRED: "Expired", PROPOSAL_STATE_WITHDRAWN: "Taken back",
  }),
  by: (/** @type {string} */ state, /** @type {string} */ name) => `${state} by ${name}`,
});
