// The ways in which the list of objectives is shown. The address says which one, and both keep the filter.

import { html } from "../core/html.js";
import { address } from "../core/router.js";
import { asTree } from "./filter.js";
import { t } from "./tree-strings.js";

/** @param {boolean} tree */
function addressOf(tree) {
  const query = new URL(address.value, location.origin).searchParams;
  query.delete("view");
  if (tree) query.set("view", "tree");
  return query.size > 0 ? `/?${query}` : "/";
}

export default function Views() {
  const link = (/** @type {boolean} */ tree, /** @type {string} */ name) => html`
    <li><a class="button quiet" href=${addressOf(tree)} aria-current=${asTree.value === tree ? "true" : null}>${name}</a></li>`;
  return html`<nav aria-label=${t.view}><ul>${link(false, t.list)}${link(true, t.tree)}</ul></nav>`;
}
