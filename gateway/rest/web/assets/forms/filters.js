// Which objectives are shown.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { cycleName } from "../core/days.js";
import { html } from "../core/html.js";
import { dates } from "../core/locale.js";
import { personName } from "../core/people.js";
import { session } from "../core/session.js";
import { filter, filtered } from "../okrs/filter.js";
import { all } from "../okrs/store.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { Select } from "../ui/select.js";
import { cyclesNear } from "./cycles.js";
import { Owner } from "./owner.js";
import { refine } from "./refine.js";
import { t } from "./strings.js";

const day = dates({ dateStyle: "long" });

/** Until the next frame was drawn. @returns {Promise<void>} */
const painted = () => new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve)); });

/** A filter in words. @param {import("../okrs/filter.js").Filter} wanted */
const said = ({ cycle, owner, state, text }) => [
  cycle && cycleName(cycle), owner && `${t.filter.owner}: ${owner === "me" ? t.filter.me : personName(owner)}`,
  state && t.filter.states.find(([value]) => value === state)?.[1], text.trim() && `“${text.trim()}”`,
].filter(Boolean).join(", ");

const patience = 300; // milliseconds after the last letter

/** @param {{showAll: () => void}} props showAll: has the list show everything that it has, not a page of it */
export default function Filters({ showAll }) {
  const wanted = filter.value;
  const typed = useSignal(wanted.text);
  useEffect(() => { // the address has changed otherwise
    if (typed.peek().trim() !== wanted.text) typed.value = wanted.text;
  }, [wanted.text]);
  useEffect(() => {
    if (typed.value.trim() === wanted.text) return undefined;
    const timer = setTimeout(() => refine({ text: typed.peek().trim() }), patience);
    return () => clearTimeout(timer);
  }, [typed.value]);
  const cycles = [...new Set([...cyclesNear(), ...all().map((o) => o.cycle), wanted.cycle])].filter(Boolean).sort();
  const print = async () => {
    showAll();
    await painted(); // with all of them
    window.print();
  };
  return html`
    <p class="printed">${t.filter.printed(session.value?.organizationName ?? "", said(wanted), day.format(new Date()))}</p>
    <form class="filters" role="search" aria-label=${t.filter.label} onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <${Select} label=${t.filter.cycle} value=${wanted.cycle} options=${[["", t.filter.anyCycle], ...cycles.map((one) => [one, cycleName(one)])]}
        onValue=${(/** @type {string} */ cycle) => refine({ cycle })} />
      <${Owner} label=${t.filter.owner} none=${t.filter.anybody} meAs="me" value=${wanted.owner}
        onValue=${(/** @type {string} */ owner) => refine({ owner })} />
      <${Select} label=${t.filter.state} value=${wanted.state} options=${t.filter.states}
        onValue=${(/** @type {string} */ state) => refine({ state })} />
      <${Field} label=${t.filter.text} type="search" maxlength="200" value=${typed.value}
        onValue=${(/** @type {string} */ value) => { typed.value = value; }} />
      ${filtered(wanted) && html`<${Button} kind="quiet" onClick=${() => { typed.value = ""; refine({ cycle: "", owner: "", state: "", text: "" }); }}>${t.filter.clear}<//>`}
      <${Button} kind="quiet" onClick=${print}>${t.filter.print}<//>
    </form>`;
}
