// The fields of an objective beside its text.

import { useSignal } from "../vendor/signals.js";
import { cycleName } from "../core/days.js";
import { html } from "../core/html.js";
import { me, personName } from "../core/people.js";
import { text } from "../core/strings.js";
import { periodOf } from "../okrs/rules.js";
import { Field, tooLong } from "../ui/field.js";
import { Select } from "../ui/select.js";
import { cyclesNear, presentCycle } from "./cycles.js";
import { Owner } from "./owner.js";
import { Parent, parentText } from "./parent.js";
import { t } from "./strings.js";

/** @typedef {import("../core/api.js").Objective} Objective */
/** @typedef {import("./form.js").Form} Form */

const descriptionLimit = 10_000; // characters

const names = /** @type {const} */ (["title", "description", "ownerId", "cycle", "startDate", "dueDate", "parentId"]);

/** @param {string} cycle */
const wrongCycle = (cycle) => cycle !== "" && !/^\d{4}(-(Q[1-4]|H[12]))?$/.test(cycle);

/** What a new objective has where somebody fills in more than its text. */
export const defaults = () => ({ ownerId: me(), cycle: presentCycle() });

/** The fields of an objective as a form has them. @param {Objective} objective */
export const fieldsOf = (objective) => Object.fromEntries(names.map((name) => [name, objective[name]]));

/** What is wrong, by field. @param {Form} form */
export function errors({ value }) {
  const period = periodOf({ cycle: value("cycle"), startDate: value("startDate"), dueDate: value("dueDate") });
  return {
    ...(tooLong(value("description"), descriptionLimit) && { description: text.tooLong(descriptionLimit) }),
    ...(wrongCycle(value("cycle").trim().toUpperCase()) && { cycle: t.objective.cycleWrong }),
    ...(period && period.dueDate < period.startDate && { dueDate: t.objective.order }),
  };
}

/** The fields as the server takes them. @param {Record<string, string>} fields @returns {Partial<Objective>} */
export const wire = (fields) => ({ ...fields, ...("cycle" in fields && { cycle: fields.cycle.trim().toUpperCase() }) });

/** A field and its value for people. @param {string} name @param {string} value @returns {[string, string]} */
export function said(name, value) {
  const shown = { ownerId: personName, cycle: cycleName, parentId: parentText }[name];
  const label = { title: t.objective.edit, description: t.objective.description, ownerId: t.objective.owner, cycle: t.objective.cycle,
    startDate: t.objective.start, dueDate: t.objective.due, parentId: t.objective.parent }[name] ?? name;
  return [label, value ? shown?.(value) ?? value : t.conflict.nothing];
}

/** Whether what the server refused is said at a field. @param {import("../core/api.js").Failure|null} failure */
export const atField = (failure) => failure?.reason === "PARENT_INVALID";

/**
 * @param {{form: Form, denied: string, item?: Objective, failure: import("../core/api.js").Failure|null}} props
 * item: what is edited; failure: why it could not be sent as it was
 */
export function ObjectiveFields({ form, denied, item, failure }) {
  const wrong = errors(form);
  const settled = useSignal(/** @type {typeof failure} */ (null));
  const set = (/** @type {string} */ name) => (/** @type {string} */ value) => form.set({ [name]: value });
  const readonly = Boolean(denied);
  return html`
    <${Field} label=${t.objective.description} lines maxlength=${descriptionLimit} value=${form.value("description")} readonly=${readonly} onValue=${set("description")} />
    <div class="pair">
      <${Owner} label=${t.objective.owner} none=${t.people.nobody} value=${form.value("ownerId")} readonly=${readonly} onValue=${set("ownerId")} />
      <${Parent} value=${form.value("parentId")} item=${item} readonly=${readonly}
        error=${failure && failure !== settled.value && atField(failure) ? t.objective.parentRefused[failure.metadata.cause] ?? text.failure(failure) : ""}
        onValue=${(/** @type {string} */ chosen) => { settled.value = failure; form.set({ parentId: chosen }); }} />
    </div>
    <${Cycle} value=${form.value("cycle")} error=${wrong.cycle} readonly=${readonly} onValue=${set("cycle")} />
    <div class="pair">
      <${Field} label=${t.objective.start} type="date" value=${form.value("startDate")} readonly=${readonly} onValue=${set("startDate")} />
      <${Field} label=${t.objective.due} type="date" value=${form.value("dueDate")} error=${wrong.dueDate} readonly=${readonly} onValue=${set("dueDate")} />
    </div>
    <p class="hint">${t.objective.datesHint}</p>`;
}

/** @param {{value: string, error?: string, readonly: boolean, onValue: (value: string) => void}} props */
function Cycle({ value, error, readonly, onValue }) {
  const near = cyclesNear();
  const free = useSignal(value !== "" && !near.includes(value));
  const choose = (/** @type {string} */ chosen) => {
    free.value = chosen === "other";
    onValue(free.value ? "" : chosen);
  };
  return html`
    <div class="pair">
      <${Select} label=${t.objective.cycle} value=${free.value ? "other" : value} readonly=${readonly} onValue=${choose}
        options=${[["", t.objective.noCycle], ...near.map((cycle) => [cycle, cycleName(cycle)]), ["other", t.objective.otherCycle]]} />
      ${free.value && html`<${Field} label=${t.objective.cycleText} hint=${t.objective.cycleHint} error=${error} value=${value} maxlength="7"
        readonly=${readonly} onValue=${onValue} />`}
    </div>`;
}
