// What this is, how an agent is connected, and who may do what.

import { html } from "../core/html.js";
import { session } from "../core/session.js";
import { text } from "../core/strings.js";
import { Copy } from "../ui/copy.js";
import { texts } from "./strings.js";

const t = texts.about;

export default function About() {
  const url = `${location.origin}/mcp`;
  return html`
    <div class="view-head"><h1 tabindex="-1">${text.titles.about}</h1></div>
    <p class="lead">${t.lead}</p>
    <section class="card" aria-labelledby="connect">
      <h2 id="connect">${t.connect}</h2>
      <p>${t.connectLead}</p>
      <p class="label">${t.url}</p>
      <${Copy} value=${url} label=${t.copyUrl} />
      ${session.value ? html`<p>${t.connectNext} <a href="/agents">${text.nav.agents}</a>.</p>` : html`<p>${t.connectSignIn}</p>`}
      <ul class="clients">${t.clients.map(({ name, note, code }) => html`
        <li><h3>${name}</h3>${note && html`<p class="quiet">${note}</p>`}
          <${Copy} value=${code(url)} label=${t.copyFor(name)} /></li>`)}
      </ul>
    </section>
    <section class="card" aria-labelledby="roles">
      <h2 id="roles">${t.roles}</h2>
      <div class="scroll" role="region" aria-labelledby="roles" tabindex="0"><table>
        <thead><tr><th scope="col">${t.role}</th><th scope="col">${t.objectives}</th><th scope="col">${t.keyResults}</th>
          <th scope="col">${t.people}</th></tr></thead>
        <tbody>${t.rows.map(([role, ...cells]) => html`
          <tr><th scope="row">${role}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody>
      </table></div>
      <p>${t.rolesNote}</p>
      <p>${t.invite}${session.value ? html`<a href="/members">${t.membersPage}</a>` : t.membersPage}${t.orDomain}</p>
    </section>
    <section class="card" aria-labelledby="programs">
      <h2 id="programs">${t.programs}</h2>
      <p>${t.programsLead} <a href="/docs">${t.docs}</a>.</p>
    </section>`;
}
