// The two kinds of things that forms are for.

import * as keyResult from "./key-result-fields.js";
import * as objective from "./objective-fields.js";
import { t } from "./strings.js";

/** How many characters a title may have. */
export const titleLimit = 500;

export const kinds = {
  objective: { ...objective, Fields: objective.ObjectiveFields, words: t.objective },
  key_result: { ...keyResult, Fields: keyResult.KeyResultFields, words: t.keyResult },
};
