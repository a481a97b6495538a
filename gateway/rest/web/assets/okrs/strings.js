// The texts of objectives and key results as they are seen first. Those of forms are in ../forms/strings.js.

import { percent } from "../core/format.js";
import { count, text } from "../core/strings.js";
import { numberText } from "../core/values.js";

const { quoted } = text;

export const words = {
  gone: (/** @type {string} */ by) => `${by || "Somebody"} deleted this while you were at it. What you typed:`,

  editing: (/** @type {string} */ title) => `Edit ${quoted(title)}`,
  history: (/** @type {string} */ title) => `History of ${quoted(title)}`,

  filter: {
    open: (/** @type {number} */ n) => (n > 0 ? `Filter (${n})` : "Filter"),
  },

  objectives: {
    new: "New objective",
    count: (/** @type {number} */ objectives, /** @type {number} */ keyResults) =>
      `${count(objectives, "objective")} · ${count(keyResults, "key result")}`,
    average: (/** @type {string} */ progress) => `${progress} on average`,
    more: (/** @type {number} */ n, /** @type {number} */ rest) => (n === rest ? `Show the last ${rest}` : `Show ${n} more of ${rest}`),
    loading: (/** @type {number} */ n) => (n > 0 ? `Loading objectives: ${n} so far.` : "Loading objectives."),
  },

  objective: {
    unmeasured: "No key results yet: nothing says how far this is.",
    bar: (/** @type {string} */ title) => `Progress of ${quoted(title)}`,
    made: (/** @type {string} */ by, /** @type {string} */ when) => (by ? `Added by ${by}, ${when}` : `Added ${when}`),
    expected: (/** @type {number} */ n) => `${percent(n)} expected by today`,
    below: (/** @type {string} */ title) => `Contributes to ${quoted(title)}`,
    close: "Close with a score",
    rescore: "Change the score",
    reopen: "Reopen",
    archive: "Archive",
    restore: "Restore",
    history: "History",
    done: { reopen: "Reopened.", archive: "Archived.", restore: "Restored." },
    isArchived: "Archived",
    archivedWhy: "This objective is archived. Restore it to change it.",
    closedWith: (/** @type {string} */ score) => `Closed with a score of ${numberText(score)}`,
    description: "Description",
  },

  keyResult: {
    add: "Add key result",
    addTo: (/** @type {string} */ title) => `Add key result to ${quoted(title)}`,
    list: (/** @type {string} */ title) => `Key results of ${quoted(title)}`,
    reached: "Reached",
    open: "Not started",
    under: (/** @type {string} */ rest) => `${rest} to go`,
    of: (/** @type {string} */ now, /** @type {string} */ target) => `${now} of ${target}`,
    from: (/** @type {string} */ now, /** @type {string} */ start, /** @type {string} */ target) => `${now}, from ${start} to ${target}`,
    done: "Done",
    notDone: "Not done",
    doneNamed: (/** @type {string} */ title) => `${quoted(title)} is done`,
    checkIn: (/** @type {string} */ title) => `Check in on ${quoted(title)}`,
    checkedIn: (/** @type {string} */ when) => `checked in ${when}`,
    weight: (/** @type {number} */ n) => `counts ${n} times`,
  },

  confidence: /** @type {Record<string, string>} */ ({
    CONFIDENCE_ON_TRACK: "On track", CONFIDENCE_AT_RISK: "At risk", CONFIDENCE_OFF_TRACK: "Off track",
    stale: "No check-in for two weeks",
  }),

  formerMember: "A former member",

  attainment: {
    label: (/** @type {string} */ title) => `Percent achieved of ${quoted(title)}`,
    value: (/** @type {string} */ title) => `Value of ${quoted(title)}`,
    set: (/** @type {string} */ title) => `Set ${quoted(title)}`,
    bar: (/** @type {string} */ title) => `Attainment of ${quoted(title)}`,
    saved: (/** @type {string} */ title, /** @type {string} */ value) => `${quoted(title)} is at ${value}.`,
    wrong: "A whole number from 0 to 100, please.",
    noNumber: "A number, please, such as 12 or 4.5.",
  },

  delete: (/** @type {string} */ title) => `Delete ${quoted(title)}`,
};
