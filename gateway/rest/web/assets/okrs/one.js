// The page of one objective: what it contributes to, itself, and what contributes to it.

import { useEffect, useRef } from "../vendor/preact-hooks.js";
import { html } from "../core/html.js";
import { findPeople } from "../core/people.js";
import { address } from "../core/router.js";
import { ended, identity } from "../core/session.js";
import { reasons, text } from "../core/strings.js";
import { styled } from "../core/style.js";
import { Lazy } from "../ui/lazy.js";
import { Problem } from "../ui/problem.js";
import { unwatch, want, watch } from "./follow.js";
import { Objective } from "./objective.js";
import { preloadParts } from "./parts.js";
import { objectiveOf, order, pending, problem, reset, wanted } from "./store.js";

const path = () => styled(import("./path.js"), "tree.css");
const contributing = () => styled(import("./contributing.js"), "tree.css");

/** It and what contributes to it. @param {string} under */
const family = (under) => ({ cycle: "", owner: "", state: "", text: "", under });

export default function One() {
  const asked = new URL(address.value, location.origin).searchParams.get("id") ?? "";
  const id = /^\w{1,64}$/.test(asked) ? asked : "none"; // no id, and the answer is that there is no such objective
  const over = ended.value;
  const who = identity.value;
  const before = useRef(id);
  useEffect(() => {
    if (over) unwatch();
    else {
      watch(family(before.current));
      findPeople();
    }
    return unwatch;
  }, [over, who]);
  useEffect(() => reset, [who]);
  useEffect(preloadParts, []);
  useEffect(() => {
    if (before.current === id) return;
    before.current = id;
    want(family(id));
    document.querySelector("h1")?.focus({ preventScroll: true });
  }, [id]);

  const ids = order.value;
  const item = ids?.includes(id) ? objectiveOf(id).value : undefined;
  const waiting = ids === null || (!item && (pending.value || wanted.value.under !== id));
  const failed = waiting && !pending.value ? problem.value : null;
  const title = item?.title ?? text.titles.objective;
  useEffect(() => { document.title = text.titled(title); }, [title]);
  return html`
    <div class="view-head">
      <div>
        <${Lazy} load=${path} id=${item?.parentId ?? ""} meanwhile=${html`<p class="kicker">${text.titles.objectives}</p>`} />
        <h1 tabindex="-1">${text.titles.objective}</h1>
      </div>
    </div>
    ${failed ? html`<${Problem} failure=${failed} onRetry=${failed.retryable ? () => watch(family(id)) : undefined} />`
      : item ? html`
        <ul class="cards"><${Objective} key=${id} id=${id} own /></ul>
        <${Lazy} key=${`below ${id}`} load=${contributing} id=${id} />`
        : waiting ? html`<p role="status" class="quiet">${text.loading}</p>`
          : html`<p class="notice">${reasons.OBJECTIVE_NOT_FOUND}</p>`}`;
}
