// The list of objectives as a tree: each below the one that it contributes to, as far as that is in the list.

import { useSignal, computed, signal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { identity } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Objective } from "./objective.js";
import { More, pageSize } from "./objectives.js";
import { Row } from "./row.js";
import { gone, objectiveOf, shown } from "./store.js";
import { t } from "./tree-strings.js";

const open = 2; // levels that are open before anybody opens or closes one

/** The ids of those that are shown, by the one above them; "" for those that stand below none that is shown. */
const branches = computed(() => {
  const ids = shown.value ?? [];
  const here = new Set(ids);
  /** @type {Map<string, string[]>} */
  const below = new Map();
  for (const id of ids) {
    const { parentId } = objectiveOf(id).value;
    const at = here.has(parentId) ? parentId : "";
    const siblings = below.get(at);
    if (siblings) siblings.push(id);
    else below.set(at, [id]);
  }
  return below;
});

/** What somebody has opened or closed, by id. It is kept as long as the tab. */
const turned = signal(/** @type {Record<string, boolean>} */ ({}));
const storageKey = () => `okr-tree ${identity.peek()}`;

identity.subscribe(() => {
  try {
    turned.value = JSON.parse(sessionStorage.getItem(storageKey()) ?? "{}");
  } catch {
    turned.value = {};
  }
});

/** @param {string} id @param {boolean} to */
function turn(id, to) {
  turned.value = { ...turned.peek(), [id]: to };
  try {
    sessionStorage.setItem(storageKey(), JSON.stringify(turned.peek()));
  } catch {
    // Without storage it is kept as long as the page.
  }
}

/** @param {{count: number, onMore: () => void}} props count: how many of the topmost ones are shown; Infinity: all of all */
export default function Tree({ count, onMore }) {
  const ids = branches.value.get("") ?? [];
  return html`
    <div class="card"><ul class="tree" aria-label=${text.titles.objectives}>
      ${ids.slice(0, count).map((id) => html`<${Branch} key=${id} id=${id} level=${1} whole=${count === Infinity} />`)}
    </ul></div>
    <${More} rest=${ids.length - count} onMore=${onMore} />`;
}

/** An objective, and what is below it. @param {{id: string, level: number, whole: boolean}} props whole: whether all is wanted */
function Branch({ id, level, whole }) {
  const count = useSignal(pageSize);
  if (gone.value.has(id)) return html`<${Objective} id=${id} />`;
  const below = branches.value.get(id) ?? [];
  const isOpen = turned.value[id] ?? (whole || level < open);
  const name = t.belowNamed(objectiveOf(id).value.title);
  const list = `below-${id}`;
  return html`
    <li id=${id}>
      <${Row} id=${id} below=${level > 1} has=${below.length}>
        ${below.length > 0
          ? html`<${Button} kind="quiet" icon="down" label=${name} aria-expanded=${isOpen} aria-controls=${isOpen ? list : null}
              onClick=${() => turn(id, !isOpen)} />`
          : html`<i></i>`}
      <//>
      ${isOpen && below.length > 0 && html`
        <ul id=${list} aria-label=${name}>
          ${below.slice(0, whole ? Infinity : count.value).map((one) => html`<${Branch} key=${one} id=${one} level=${level + 1} whole=${whole} />`)}
        </ul>
        ${!whole && html`<${More} rest=${below.length - count.value} onMore=${() => { count.value += pageSize; }} />`}`}
    </li>`;
}
