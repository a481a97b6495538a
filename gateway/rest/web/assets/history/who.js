// What somebody is called in the history.

import { personName } from "../core/people.js";
import { t } from "./strings.js";

/** The name as it was then; of who had none, what is known of them now. @param {import("../core/api.js").Member|undefined} member */
export const called = (member) => member?.displayName || personName(member?.memberId ?? "") || t.somebody;
