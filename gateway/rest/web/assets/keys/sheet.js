// The list of all keyboard shortcuts, and the choice to have none.

import { useId } from "../vendor/preact-hooks.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { routes } from "../core/router.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { places } from "./keys.js";
import { chooseKeys, sheetOpen, singleKeys } from "./setting.js";
import { t } from "./strings.js";

/** @typedef {[what: string, keys: string[], between?: string]} Shortcut between: a word between its keys, which else are pressed together */

/** @returns {[title: string, shortcuts: Shortcut[]][]} */
const groups = () => [
  [t.goTo, routes.filter((r) => r.path in places).map((r) => [r.title, ["g", places[r.path]], t.then])],
  [t.anywhere, [[t.create, ["n"]], [t.search, ["/"]], [t.sheet, ["?"]]]],
  [t.list, [[t.next, ["j"]], [t.previous, ["k"]]]],
  [t.proposals, [[t.approve, ["a"]], [t.reject, ["r"]], [t.next, ["ArrowDown"]], [t.previous, ["ArrowUp"]]]],
  [t.forms, [[t.send, ["Ctrl", "Enter"]], [t.leave, ["Escape"]]]],
];

export default function Sheet() {
  const hint = useId();
  const close = () => { sheetOpen.value = false; };
  const change = (/** @type {Event} */ event) => {
    const { checked } = /** @type {HTMLInputElement} */ (event.currentTarget);
    chooseKeys(checked);
    say(t.turned(checked));
  };
  return html`
    <${Dialog} title=${t.title} wide onClose=${close}>
      <p class="quiet">${t.lead}</p>
      <div class="shortcuts">${groups().map(([title, shortcuts]) => html`<${Group} title=${title} shortcuts=${shortcuts} />`)}</div>
      <div class="single-keys">
        <label><input type="checkbox" checked=${singleKeys.value} aria-describedby=${hint} onChange=${change} /> ${t.on}</label>
        <p class="quiet" id=${hint}>${t.onHint}</p>
      </div>
      <p class="actions"><${Button} onClick=${close}>${t.close}<//></p>
    <//>`;
}

/** @param {{title: string, shortcuts: Shortcut[]}} props */
function Group({ title, shortcuts }) {
  const id = useId();
  return html`
    <section aria-labelledby=${id}>
      <h3 id=${id}>${title}</h3>
      <dl>${shortcuts.map(([what, keys, between]) => html`
        <div><dt>${what}</dt><dd>${keys.map((key, i) => html`${i > 0 && html` <span>${between ?? "+"}</span> `}<kbd>${t.key(key)}</kbd>`)}</dd></div>`)}
      </dl>
    </section>`;
}
