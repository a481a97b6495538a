// What is said of changes by others.

import { isolating } from "../core/html.js";
import { text } from "../core/strings.js";

const nouns = { objective: "objective", keyResult: "key result" };

/** @typedef {keyof typeof nouns} Noun */

/** @type {Record<string, string>} */
const moves = { CLOSED: "closed", REOPENED: "reopened", ARCHIVED: "archived", RESTORED: "restored" };

const { quoted } = text;

export const news = isolating({
  many: (/** @type {number} */ n) => `${n} changes by others.`,
  added: (/** @type {string} */ by, /** @type {Noun} */ noun, /** @type {string} */ title) => `${by} added the ${nouns[noun]} ${quoted(title)}.`,
  deleted: (/** @type {string} */ by, /** @type {Noun} */ noun, /** @type {string} */ title) => `${by} deleted the ${nouns[noun]} ${quoted(title)}.`,
  /** A step in the life of an objective; "" for another kind of change. @param {string} by @param {string} step @param {string} title */
  moved: (by, step, title) => (moves[step] ? `${by} ${moves[step]} the objective ${quoted(title)}.` : ""),
  confirmed: (/** @type {string} */ by, /** @type {string} */ title) => `${by} confirmed the value of ${quoted(title)}.`,
  set: (/** @type {string} */ by, /** @type {string} */ title, /** @type {string} */ value) => `${by} set ${quoted(title)} to ${value}.`,
  checkedIn: (/** @type {string} */ by, /** @type {string} */ title) => `${by} checked in on ${quoted(title)}.`,
  changed: (/** @type {string} */ by, /** @type {Noun} */ noun, /** @type {string} */ was, /** @type {string} */ title) =>
    (was === title ? `${by} changed the ${nouns[noun]} ${quoted(title)}.` : `${by} changed the ${nouns[noun]} ${quoted(was)} to ${quoted(title)}.`),
  done: "done",
  notDone: "not done",
  percent: (/** @type {string} */ number) => `${number} percent`,
});
