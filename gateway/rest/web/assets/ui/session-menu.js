// The menu of whoever is signed in. What it holds is in session-panel.js.

import { useEffect, useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { initials } from "../core/format.js";
import { html } from "../core/html.js";
import { address } from "../core/router.js";
import { nameOf, session } from "../core/session.js";
import { text } from "../core/strings.js";
import { styled } from "../core/style.js";
import { Icon } from "./icons.js";
import { Lazy, preload } from "./lazy.js";

const panel = () => import("./session-panel.js");
const factor = () => styled(import("../signin/own-factor.js"), "views.css");
const keys = () => styled(import("../keys/keys.js"), "keys.css").catch(() => ({ default: () => "" })); // the page works without

export function SessionMenu() {
  const open = useSignal(false);
  const proving = useSignal(false);
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const current = session.value;
  const at = address.value;
  const close = (/** @type {boolean} */ refocus) => {
    open.value = false;
    if (refocus) box.current?.querySelector("button")?.focus();
  };
  useEffect(() => close(false), [at]);
  useEffect(() => { preload(panel); }, []);
  useLayoutEffect(() => { // whoever is quick presses Escape before the next frame
    if (!open.value) return undefined;
    const outside = (/** @type {Event} */ event) => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) close(false);
    };
    const escape = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") close(true);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
      document.removeEventListener("keydown", escape);
    };
  }, [open.value]);
  if (!current) return null;
  const name = nameOf(current);
  return html`
    <div class="session" ref=${box}>
      <button type="button" class="session-button" aria-expanded=${open.value} aria-controls="session-menu"
        onClick=${() => { open.value = !open.value; }}>
        <span class="avatar" aria-hidden="true">${initials(name)}</span>
        <span class="who"><span>${name}</span>${" "}<span>${current.organizationName}</span></span>${" "}
        <span class="visually-hidden">${text.menu}</span>
        <${Icon} name="down" />
      </button>
      <div id="session-menu" class="panel" hidden=${!open.value}>${open.value && html`<${Lazy} load=${panel} onClose=${() => close(true)} onFactor=${() => { proving.value = true; }} />`}</div>
      ${proving.value && html`<${Lazy} load=${factor} onClose=${() => { proving.value = false; }} />`}
      <${Lazy} load=${keys} meanwhile="" />
    </div>`;
}
