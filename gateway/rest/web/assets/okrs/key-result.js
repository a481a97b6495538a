// A key result in its objective's card.

import { percent } from "../core/format.js";
import { classes, html } from "../core/html.js";
import { why } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Icon } from "../ui/icons.js";
import { Progress } from "../ui/progress.js";
import { Attainment } from "./attainment.js";
import { Delete } from "./delete.js";
import { Gone } from "./gone.js";
import { gone } from "./store.js";
import { By } from "./by.js";
import { edit, editButtonId, editing, TitleEditor } from "./title.js";
import { touched } from "./watch.js";

/** @param {{item: import("../core/api.js").KeyResult}} props */
export function KeyResult({ item }) {
  const value = item.attainment ?? 0;
  const by = touched.value.get(item.id);
  const lost = gone.value.get(item.id);
  if (lost !== undefined) {
    return html`<li class="key-result"><h3>${item.title}</h3><${Gone} id=${item.id} by=${lost} ids=${[item.id]} /></li>`;
  }
  return html`
    <li class=${classes("key-result", by !== undefined && "touched")} id=${item.id}>
      ${editing(item)
        ? html`<${TitleEditor} item=${item} resource="key_result" label=${text.keyResult.edit} updater=${item.updater?.displayName ?? ""} />`
        : html`<h3 tabindex="-1">${item.title}</h3>`}
      <div class="tools">
        ${!editing(item) && html`<${Button} id=${editButtonId(item)} kind="quiet" icon="edit" label=${text.editing(item.title)}
          why=${why("UPDATE", "key_result")} onClick=${() => edit(item)} />`}
        <${Delete} item=${item} resource="key_result"
          focusAfter=${() => document.getElementById(item.objectiveId)?.querySelector("h2") ?? null} />
      </div>
      <${Attainment} item=${item} />
      <div class="measure">
        <${Progress} value=${value} label=${text.attainment.bar(item.title)} />
        <p class="state">${by === undefined ? state(value) : html`<${By} who=${by} />`}</p>
      </div>
    </li>`;
}

/** @param {number} value */
const state = (value) => {
  if (value >= 100) return html`<${Icon} name="check" /> ${text.keyResult.reached}`;
  return value > 0 ? text.keyResult.under(percent(100 - value)) : text.keyResult.open;
};
