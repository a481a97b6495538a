// What an objective contributes to.

import { html } from "../core/html.js";
import { other } from "./others.js";
import { archived } from "./rules.js";
import { addressOf } from "./store.js";
import { words } from "./strings.js";
import { t } from "./tree-strings.js";

/** @param {{id: string}} props of what it contributes to */
export default function Above({ id }) {
  const parent = other(id);
  if (parent === null) return t.gone;
  const said = words.objective.below(parent?.title ?? "…");
  return html`<a href=${addressOf(id)}>${parent?.state === archived ? t.archived(said) : said}</a>`;
}
