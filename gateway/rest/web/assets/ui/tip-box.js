// The one tooltip of the page: shows the data-tip of whatever is hovered or focused. It is for the eyes; assistive
// technology gets the same by name or description. It can be hovered, and Escape hides it (WCAG 1.4.13).

import { useEffect, useLayoutEffect, useRef } from "../vendor/preact-hooks.js";
import { html } from "../core/html.js";
import { hide, keep, shown, showTip } from "./tip.js";

const tipped = (/** @type {EventTarget|null} */ target) =>
  target instanceof Element ? target.closest("[data-tip]") : null;

export default function Tip() {
  const box = useRef(/** @type {HTMLElement|null} */ (null));
  const current = shown.value;

  useEffect(() => {
    const over = (/** @type {Event} */ event) => {
      const target = tipped(event.target);
      if (target) showTip(target);
      else if (event.target instanceof Node && box.current?.contains(event.target)) keep();
      else if (shown.peek()) hide();
    };
    const focus = (/** @type {Event} */ event) => {
      const target = tipped(event.target);
      if (target?.matches(":focus-visible")) showTip(target);
      else if (shown.peek()) hide();
    };
    const key = (/** @type {KeyboardEvent} */ event) => {
      if (event.key === "Escape") shown.value = null;
    };
    const gone = () => { shown.value = null; };
    document.addEventListener("pointerover", over);
    document.addEventListener("focusin", focus);
    document.addEventListener("keydown", key, true);
    document.addEventListener("scroll", gone, { capture: true, passive: true });
    return () => {
      document.removeEventListener("pointerover", over);
      document.removeEventListener("focusin", focus);
      document.removeEventListener("keydown", key, true);
      document.removeEventListener("scroll", gone, true);
    };
  }, []);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    if (!current?.target.isConnected) {
      if (element.matches(":popover-open")) element.hidePopover();
      return;
    }
    if (!element.matches(":popover-open")) element.showPopover(); // in the top layer, above dialogs
    const at = current.target.getBoundingClientRect();
    const own = element.getBoundingClientRect();
    const left = Math.max(8, Math.min(innerWidth - own.width - 8, at.left + at.width / 2 - own.width / 2));
    const above = at.top - own.height;
    element.style.left = `${left}px`;
    element.style.top = `${above > 0 ? above : at.bottom}px`;
  }, [current]);

  return html`<div class="tip" popover="manual" ref=${box} aria-hidden="true"><span>${current?.text}</span></div>`;
}
