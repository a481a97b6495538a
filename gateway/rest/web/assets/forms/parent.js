// Choosing the objective that another one contributes to: by its words, among all of the organization (the combobox pattern
// of the ARIA Authoring Practices Guide).

import { useEffect, useId, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { cycleName } from "../core/days.js";
import { classes, html } from "../core/html.js";
import { say } from "../core/live.js";
import { personName } from "../core/people.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { other } from "../okrs/others.js";
import { find } from "../okrs/store.js";
import { t } from "./strings.js";

/** @typedef {import("../core/api.js").Objective} Objective */
/** @typedef {{id: string, title: string, about: string}} Choice */

const most = 20; // choices that are shown: whoever looks for another one types more of it
const patience = 250; // milliseconds after the last letter

/** The newest objectives that have all of these words somewhere. Throws Failure. @param {string} words @returns {Promise<Objective[]>} */
async function search(words) {
  const query = new URLSearchParams({ pageSize: String(most + 1), orderBy: "create_time desc", text: words }); // one may be left out
  const found = [];
  for (let token; token !== "" && found.length <= most;) {
    if (token) query.set("pageToken", token);
    const page = await ask("GET", `objectives?${query}`);
    found.push(...page.objectives);
    token = page.nextPageToken;
  }
  return found;
}

/** Whether an objective is known to stand below another one, or to be that one. @param {Objective} objective @param {string} above */
function within(objective, above) {
  let at = /** @type {Objective|undefined} */ (objective);
  for (let level = 0; at && level < 10; level += 1) {
    if (at.id === above) return true;
    at = /** @type {Objective|undefined} */ (find(at.parentId));
  }
  return false;
}

/** @param {Objective} objective */
const about = ({ cycle, ownerId }) => [cycle && cycleName(cycle), personName(ownerId)].filter(Boolean).join(" · ");

/** What a parent is called. @param {string} id */
export function parentText(id) {
  const parent = id && other(id);
  return parent === null ? t.objective.parentGone : parent ? parent.title : id && text.loading;
}

/**
 * @param {{value: string, item?: Objective, error: string, readonly: boolean, onValue: (value: string) => void}} props
 * item: which objective it is for, if there is one already
 */
export function Parent({ value, item, error, readonly, onValue }) {
  const id = useId();
  const open = useSignal(false);
  const typed = useSignal(/** @type {string|null} */ (null)); // null: what is chosen
  const found = useSignal(/** @type {Objective[]|null} */ (null)); // null: not known yet
  const failed = useSignal(false);
  const active = useSignal(-1);
  const list = useRef(/** @type {HTMLElement|null} */ (null));
  const words = typed.value?.trim() ?? "";

  useEffect(() => {
    if (!open.value) return undefined;
    let current = true;
    const timer = setTimeout(async () => {
      const answer = await search(words).catch(() => null);
      if (!current) return;
      found.value = answer ?? [];
      failed.value = !answer;
      active.value = Math.min(active.peek(), words ? -1 : 0); // only the first of all is the same as before
      say(answer ? t.objective.parentFound(answer.length) : t.objective.parentFailed);
    }, words ? patience : 0);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [open.value, words]);
  useEffect(() => { list.current?.children[active.value]?.scrollIntoView({ block: "nearest" }); }, [active.value]);

  const fitting = (found.value ?? []).filter((one) => !item || !within(one, item.id)).slice(0, most);
  /** @type {Choice[]} */
  const choices = [
    ...(words ? [] : [{ id: "", title: t.objective.noParent, about: "" }]),
    ...fitting.map((one) => ({ id: one.id, title: one.title, about: about(one) })),
  ];
  const close = () => {
    open.value = false;
    typed.value = null;
    found.value = null;
    active.value = -1;
  };
  const choose = (/** @type {Choice} */ choice) => {
    onValue(choice.id);
    close();
  };
  const show = () => { open.value = !readonly; };
  const input = (/** @type {Event} */ event) => {
    typed.value = /** @type {HTMLInputElement} */ (event.currentTarget).value;
    if (!typed.value.trim() && value) onValue(""); // at once, so that nothing moves when the field is left
    show();
  };
  const move = (/** @type {number} */ to) => {
    show();
    if (choices.length > 0) active.value = (to + choices.length) % choices.length;
  };
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.isComposing || readonly) return;
    if (event.key === "ArrowDown") move(active.value + 1);
    else if (event.key === "ArrowUp") move(active.value < 0 ? -1 : active.value - 1);
    else if (event.key === "Enter" && open.value) {
      if (choices[active.value]) choose(choices[active.value]);
      else close();
    } else if (event.key === "Escape" && open.value) {
      close();
      event.stopPropagation(); // the form stays open
    } else return;
    event.preventDefault();
  };
  return html`
    <div class="field combobox">
      <label for=${id}>${t.objective.parent}</label>
      <input id=${id} role="combobox" aria-autocomplete="list" aria-expanded=${open.value} aria-controls=${`${id}-list`}
        aria-activedescendant=${choices[active.value] ? `${id}-${active.value}` : null} aria-invalid=${error ? "true" : null}
        aria-describedby=${error ? `${id}-error` : null} autocomplete="off" maxlength="200" readonly=${readonly}
        placeholder=${t.objective.noParent} value=${typed.value ?? parentText(value)}
        onInput=${input} onKeyDown=${press} onClick=${show} onBlur=${close} />
      <div class="choices" hidden=${!open.value} onPointerDown=${(/** @type {Event} */ event) => event.preventDefault()}>
        <ul id=${`${id}-list`} role="listbox" hidden=${choices.length === 0} aria-label=${t.objective.parent} ref=${list}>
          ${choices.map((choice, i) => html`
            <li key=${choice.id} id=${`${id}-${i}`} role="option" aria-selected=${choice.id === value}
              class=${classes(i === active.value && "active")} onClick=${() => choose(choice)}>
              ${choice.title} ${choice.about && html`<span class="quiet">${choice.about}</span>`}</li>`)}
        </ul>
        ${open.value && fitting.length === 0 && html`<p class="quiet">${failed.value ? t.objective.parentFailed : found.value ? t.objective.parentNone : text.loading}</p>`}
      </div>
      ${error && html`<p class="error" id=${`${id}-error`} role="alert">${error}</p>`}
    </div>`;
}
