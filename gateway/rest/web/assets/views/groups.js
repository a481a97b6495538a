// What an application can do, grouped by what it is about.

import { html } from "../core/html.js";
import { Icon } from "../ui/icons.js";

/** @typedef {{id: string, title: string, items: {text: string, scopes: string[]}[]}} Group */

/** @param {{groups: Group[]}} props */
export const Groups = ({ groups }) => html`
  <div class="groups">${groups.map((group) => html`
    <section key=${group.id} data-group=${group.id}>
      <h3>${group.title}</h3>
      <ul>${group.items.map((item) => html`<li><${Icon} name="check" /><span>${item.text}</span></li>`)}</ul>
    </section>`)}
  </div>`;
