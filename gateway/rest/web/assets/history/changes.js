// A list of changes, the newest first.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { findPeople } from "../core/people.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { Entry } from "./entry.js";
import { t } from "./strings.js";

/** @typedef {import("../core/api.js").Change} Change */

const pageSize = "30";

/** @param {{query: Record<string, string>, none: string, about?: string, onSeen?: (changes: Change[]) => void}} props
 * query: which changes, for as long as the list is shown; about: the id of what all are about, which is then not named */
export function Changes({ query, none, about, onSeen }) {
  const changes = useSignal(/** @type {Change[]|null} */ (null));
  const next = useSignal("");
  const { busy, failure, run } = useAction(async (/** @type {string} */ token) => {
    const found = [];
    do { // a page that holds nothing need not be the last
      const page = await ask("GET", `changes?${new URLSearchParams({ ...query, orderBy: "seq desc", pageSize, ...(token && { pageToken: token }) })}`);
      found.push(...page.changes);
      token = page.nextPageToken;
    } while (token && found.length === 0);
    changes.value = [...(changes.peek() ?? []), ...found];
    next.value = token;
    onSeen?.(changes.peek() ?? []);
  });
  const again = async () => {
    changes.value = null;
    await run("");
  };
  useEffect(() => {
    run("");
    findPeople();
  }, []);
  return html`
    ${changes.value === null && !failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
    ${changes.value?.length === 0 && html`<p class="none">${none}</p>`}
    ${changes.value && changes.value.length > 0 && html`
      <ol class="changes">${changes.value.map((change) => html`<${Entry} key=${change.seq} change=${change} about=${about} onUndone=${again} />`)}</ol>`}
    <${Problem} failure=${failure.value} onRetry=${() => run(next.peek())} />
    ${next.value && html`<p class="more"><${Button} busy=${busy.value} onClick=${() => run(next.peek())}>${t.more}<//></p>`}`;
}
