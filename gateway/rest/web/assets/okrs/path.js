// The objectives above one, as a way down to it.

import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { other } from "./others.js";
import { addressOf } from "./store.js";
import { t } from "./tree-strings.js";

const most = 10; // levels of objectives, as the server has them (okr/v1/objective.proto)

/** @param {{id: string}} props of the lowest one above; "" where there is none */
export default function Path({ id }) {
  const above = [];
  for (let at = id; at && above.length < most;) {
    const one = other(at);
    above.unshift(one === null ? html`<li class="quiet">${t.goneAbove}</li>`
      : html`<li><a href=${addressOf(at)}>${one?.title ?? text.loading}</a></li>`);
    at = one?.parentId ?? "";
  }
  return html`
    <nav aria-label=${t.path}><ol class="path"><li><a href="/">${text.titles.objectives}</a></li>${above}</ol></nav>`;
}
