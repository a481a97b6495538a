// What the member is to report on: those key results first that have waited longest.

import { useEffect, useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { findPeople } from "../core/people.js";
import { ask, ended, identity, session, why } from "../core/session.js";
import { text } from "../core/strings.js";
import { t } from "../forms/strings.js";
import { useGradual } from "../ui/lazy.js";
import { Problem } from "../ui/problem.js";
import { unwatch, watch } from "./follow.js";
import { KeyResult } from "./key-result.js";
import { preloadParts } from "./parts.js";
import { find, gone, objectiveOf, order, problem, reset } from "./store.js";

const typing = matchMedia("(pointer: fine)").matches; // a keyboard that covers half of the page is not asked for
const value = ".attainment input";

/** @param {Element|null|undefined} field */
function enter(field) {
  if (!(field instanceof HTMLInputElement)) return false;
  field.focus();
  if (field.type !== "checkbox") field.select(); // what is typed takes the place of the value
  return true;
}

/**
 * Tab leads from value to value: checking in is typing one and Enter. Back leads through everything, so that nothing is
 * out of reach; and so does Tab where a value has something to be settled.
 * @param {KeyboardEvent} event
 */
function goOn(event) {
  const field = /** @type {Element} */ (event.target);
  if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey || !field.matches(value)) return;
  const row = field.closest(".key-result");
  if (row?.querySelector(".notice, .editor, [aria-invalid]")) return;
  if (enter(row?.nextElementSibling?.querySelector(value))) event.preventDefault();
}

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
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  const entered = useRef(/** @type {EventTarget|null} */ (null)); // the field that was entered, until it is clicked
  const due = known && ids.value?.filter((id) => find(id) || gone.value.has(id));
  const there = useGradual(due ?? [], () => 1);
  const any = there.length > 0;
  useLayoutEffect(() => {
    if (any && typing && document.activeElement?.matches("body, h1")) enter(list.current?.querySelector(value));
  }, [any]);
  const click = (/** @type {Event} */ { target }) => {
    if (target instanceof HTMLInputElement && target === entered.current && target.matches(value)) enter(target);
    entered.current = null;
  };
  return html`
    <div class="view-head">
      <div>
        <p class="kicker">${session.value?.organizationName}</p>
        <h1 tabindex="-1">${text.titles.checkIns}</h1>
        ${due && due.length > 0 && html`<p class="summary">${t.checkIns.count(due.length)}.${typing && ` ${t.checkIns.keys}`}</p>`}
      </div>
    </div>
    ${denied && html`<p class="none">${denied}</p>`}
    <${Problem} failure=${failed} onRetry=${again} />
    ${!due && !failed && !denied && html`<p role="status" class="quiet">${text.loading}</p>`}
    ${due?.length === 0 && html`<div class="empty"><h2>${t.checkIns.none}</h2><p>${t.checkIns.noneHint}</p><a class="button" href="/">${t.checkIns.all}</a></div>`}
    ${due && due.length > 0 && html`
      <div class="card"><ul class="key-results" aria-label=${text.titles.checkIns} ref=${list} onKeyDown=${goOn}
        onFocusIn=${(/** @type {Event} */ event) => { entered.current = event.target; }} onClick=${click}>
        ${there.map((id) => html`<${Due} key=${id} id=${id} />`)}
      </ul></div>`}`;
}

/** @param {{id: string}} props */
function Due({ id }) {
  const objectiveId = /** @type {import("../core/api.js").KeyResult} */ (find(id)).objectiveId;
  const objective = objectiveOf(objectiveId).value;
  const item = objective.keyResults.find((kr) => kr.id === id);
  return item && html`<${KeyResult} item=${item} above=${html`<p class="facts"><span>${objective.title}</span></p>`} />`;
}
