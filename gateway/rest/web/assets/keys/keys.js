// Single keys that lead somewhere or do something, for those who know them. They are the page's only where nobody is
// typing and no dialog is open; the list of them is in sheet.js.

import { useEffect } from "../vendor/preact-hooks.js";
import { html } from "../core/html.js";
import { navigate, route } from "../core/router.js";
import { ended } from "../core/session.js";
import { Lazy } from "../ui/lazy.js";
import { sheetOpen, singleKeys } from "./setting.js";

/** What is pressed after G, by the address that it leads to. @type {Record<string, string>} */
export const places = {
  "/": "o", "/check-ins": "c", "/activity": "a", "/proposals": "p", "/members": "m", "/settings": "s", "/agents": "e", "/about": "h",
};

/** What a single key does. @type {Record<string, () => void>} */
const actions = {
  n: create,
  "/": search,
  "?": () => { sheetOpen.value = true; },
  j: () => step(1),
  k: () => step(-1),
};

/** Where letters are typed, or choose among things: there they are nobody else's. */
const typing = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], " +
  ["textbox", "searchbox", "combobox", "listbox", "menu", "menubar", "tree", "grid", "slider", "spinbutton", "application"]
    .map((role) => `[role=${role}]`).join();

const patience = 1500; // milliseconds for the second key of two

/**
 * The key that was pressed as its letter: whatever CapsLock says, and on keyboards of other scripts that of the same place.
 * @param {KeyboardEvent} event
 */
function letter({ key, code, shiftKey }) {
  if (key.length === 1 && key > "\u007f" && code.startsWith("Key")) return code.slice(3).toLowerCase();
  return shiftKey ? key : key.toLowerCase();
}

/** Listens as long as it is there, and shows the list when it is asked for. */
export default function Keys() {
  useEffect(() => {
    let since = -Infinity; // when G was pressed
    const press = (/** @type {KeyboardEvent} */ event) => {
      if (!singleKeys.peek() || ended.peek() || route.peek().path === "/oauth/authorize") return;
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      if (event.repeat && event.key !== "j" && event.key !== "k") return;
      if (!(event.target instanceof Element) || event.target.closest(typing) || document.querySelector("dialog[open]")) return;
      const key = letter(event);
      if (key === "shift") return;
      const second = event.timeStamp - since < patience;
      since = -Infinity;
      const place = second && Object.keys(places).find((path) => places[path] === key);
      if (place) navigate(place);
      else if (key === "g") since = event.timeStamp;
      else if (!second && Object.hasOwn(actions, key)) actions[key]();
      else if (!second) return;
      event.preventDefault(); // it is not for what has the focus, nor typed into what has it now
      event.stopPropagation();
    };
    addEventListener("keydown", press, true);
    return () => removeEventListener("keydown", press, true);
  }, []);
  return sheetOpen.value && html`<${Lazy} load=${sheet} meanwhile="" />`;
}

const sheet = () => import("./sheet.js");

/**
 * What is on the page, or will be in a moment.
 * @param {string} selector
 * @returns {Promise<HTMLElement|null>}
 */
async function appears(selector) {
  for (const until = performance.now() + patience; performance.now() < until;) {
    const found = document.querySelector(selector);
    if (found instanceof HTMLElement) return found;
    await new Promise((resolve) => { requestAnimationFrame(resolve); });
  }
  return null;
}

/** The same as the button does, which also says if it cannot be done. */
async function create() {
  if (route.peek().path !== "/") navigate("/");
  const button = await appears("#new");
  button?.focus();
  button?.click();
}

/** To the search of the view, or its filter; from views that have none to that of the objectives. */
async function search() {
  const field = "main [role=search] [type=search]";
  let found = document.querySelector(`${field}, main [role=search] :is(input, select)`);
  if (!found) {
    if (route.peek().path !== "/") navigate("/");
    const toggle = await appears("#filter");
    if (toggle?.ariaExpanded === "false") toggle.click();
    found = await appears(field);
  }
  if (found instanceof HTMLElement) found.focus();
}

/** What the views list, the first that there is. */
const lists = ["main :is(.cards > li, .tree li)", "main .changes > li", "main .key-results > li", "main .rows > li"];

/** To another one of a list, from where the focus is, or from what can be seen. @param {1|-1} toward */
function step(toward) {
  const items = lists.map((list) => [...document.querySelectorAll(list)]).find((found) => found.length > 0) ?? [];
  const now = items.findLastIndex((item) => item.contains(document.activeElement));
  const seen = items.findIndex((item) => item.getBoundingClientRect().top >= 0);
  const next = items.at(now >= 0 ? Math.max(0, now + toward) : toward > 0 ? seen : Math.max(0, seen - 1));
  if (!next || next === items[now]) return;
  const target = next.querySelector(":scope > [tabindex], :is(h2, h3)[tabindex], .node a") ?? next;
  if (!(target instanceof HTMLElement)) return;
  if (target === next) target.tabIndex = -1;
  target.focus();
}
