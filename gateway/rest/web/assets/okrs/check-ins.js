// What the member is to report on: those key results first that have waited longest.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { findPeople } from "../core/people.js";
import { ask, ended, identity, session, why } from "../core/session.js";
import { text } from "../core/strings.js";
import { t } from "../forms/strings.js";
import { Problem } from "../ui/problem.js";
import { unwatch, watch } from "./follow.js";
import { KeyResult } from "./key-result.js";
import { preloadParts } from "./parts.js";
import { find, gone, objectiveOf, order, problem, reset } from "./store.js";

const mine = { cycle: "", owner: "me", state: "active", text: "" };

export default function CheckIns() {
  const ids = useSignal(/** @type {string[]|null} */ (null));
  const over = ended.value;
  const who = identity.value;
  const denied = why("READ", "key_result") || why("READ", "objective");
  const { failure, run } = useAction(async () => {
    const found = [];
    for (let token; token !== "";) {
      const page = await ask("GET", `keyResults:due?pageSize=200${token ? `&pageToken=${encodeURIComponent(token)}` : ""}`);
      found.push(...page.keyResults.map((/** @type {{keyResult: {id: string}}} */ due) => due.keyResult.id));
      token = page.nextPageToken;
    }
    ids.value = found;
  });
  const again = () => {
    watch(mine);
    run();
    findPeople();
  };
  useEffect(() => {
    if (over) unwatch();
    else if (!denied) again();
    return unwatch;
  }, [over, who]);
  useEffect(() => reset, [who]);
  useEffect(preloadParts, []);
  const known = order.value;
  const failed = failure.value ?? (known === null ? problem.value : null);
  const due = known && ids.value?.filter((id) => find(id) || gone.value.has(id));
  return html`
    <div class="view-head">
      <div>
        <p class="kicker">${session.value?.organizationName}</p>
        <h1 tabindex="-1">${text.titles.checkIns}</h1>
        ${due && due.length > 0 && html`<p class="summary">${t.checkIns.count(due.length)}</p>`}
      </div>
    </div>
    ${denied && html`<p class="none">${denied}</p>`}
    <${Problem} failure=${failed} onRetry=${again} />
    ${!due && !failed && !denied && html`<p role="status" class="quiet">${text.loading}</p>`}
    ${due?.length === 0 && html`<div class="empty"><h2>${t.checkIns.none}</h2><p>${t.checkIns.noneHint}</p></div>`}
    ${due && due.length > 0 && html`
      <div class="card"><ul class="key-results" aria-label=${text.titles.checkIns}>
        ${due.map((id) => html`<${Due} key=${id} id=${id} />`)}
      </ul></div>`}`;
}

/** @param {{id: string}} props */
function Due({ id }) {
  const objectiveId = /** @type {import("../core/api.js").KeyResult} */ (find(id)).objectiveId;
  const objective = objectiveOf(objectiveId).value;
  const item = objective.keyResults.find((kr) => kr.id === id);
  return item && html`<${KeyResult} item=${item} above=${html`<p class="facts"><span>${objective.title}</span></p>`} />`;
}
