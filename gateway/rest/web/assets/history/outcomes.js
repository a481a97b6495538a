// What became of a change that was to be undone, in words.

import { t } from "./strings.js";
import { called } from "./who.js";

/**
 * @typedef {{seq: string, kind: string, objectiveId: string, keyResultId: string, outcome: string, undoneBySeq: string,
 *   changedSinceSeq: string, changedSinceBy?: import("../core/api.js").Member, message: string}} Result
 */

/** Whether a change can be undone, or was. @param {Result} result */
export const possible = ({ outcome }) => outcome === "UNDO_OUTCOME_UNDONE";

/** @param {Result} result */
export function outcomeText({ outcome, changedSinceBy, message }) {
  switch (outcome) {
    case "UNDO_OUTCOME_ALREADY_UNDONE": return t.undo.already;
    case "UNDO_OUTCOME_CHANGED_SINCE": return t.undo.since(called(changedSinceBy));
    case "UNDO_OUTCOME_PERMISSION_MISSING": return t.undo.missing(message);
    default: return t.undo.impossible(message);
  }
}
