// An objective in one line: what it is called and how far it is. Everything else is on its page.

import { cycleName } from "../core/days.js";
import { percent } from "../core/values.js";
import { classes, html } from "../core/html.js";
import { Progress } from "../ui/progress.js";
import Above from "./above.js";
import { By, Facts, ownerName } from "./facts.js";
import { archived } from "./rules.js";
import { addressOf, objectiveOf, touched } from "./store.js";
import { words } from "./strings.js";
import { t } from "./tree-strings.js";

/**
 * @param {{id: string, below?: boolean, has?: number, children?: any}} props below: whether its parent stands above it;
 * has: how many stand below it; children: what shows them
 */
export function Row({ id, below, has = 0, children }) {
  const item = objectiveOf(id).value;
  const by = touched.value.get(id);
  const { progress, expectedProgress: expected } = item;
  return html`
    <div class=${classes("node", by !== undefined && "touched")}>
      ${children}
      <div class="about">
        <a href=${addressOf(id)}>${item.title}</a>
        ${by !== undefined && html`<${By} who=${by} />`}
        <${Facts} facts=${[item.state === archived && html`<strong>${words.objective.isArchived}</strong>`,
          item.score && words.objective.closedWith(item.score), ownerName(item.ownerId), item.cycle && cycleName(item.cycle),
          has > 0 && t.has(has),
          !below && item.parentId && html`<${Above} id=${item.parentId} />`]} />
      </div>
      ${progress !== undefined && html`
        <${Progress} value=${progress} label=${words.objective.bar(item.title)} expected=${expected}
          tip=${expected === undefined ? undefined : words.objective.expected(expected)} />
        <p class="share">${percent(progress)}</p>`}
    </div>`;
}
