// Buttons. What somebody may not do stays where it is, can be reached by keyboard, and says why not.

import { useId } from "../vendor/preact-hooks.js";
import { classes, html } from "../core/html.js";
import { say } from "../core/live.js";
import { Icon } from "./icons.js";
import { showTip } from "./tip.js";

/**
 * @param {{children?: any, kind?: "primary"|"plain"|"quiet"|"danger", icon?: string, label?: string, why?: string,
 *   busy?: boolean, submit?: boolean, onClick?: (event: Event) => void, [attribute: string]: any}} props
 * label: the name of a button that shows an icon alone, or a longer name than it shows. why: the reason why it may not be
 * used, or "".
 */
export function Button({ children, kind = "plain", icon, label, why, busy, submit, onClick, ...rest }) {
  const id = useId();
  const iconOnly = icon && !children;
  const click = (/** @type {Event} */ event) => {
    if (why) {
      event.preventDefault();
      showTip(/** @type {Element} */ (event.currentTarget));
      say(why);
    } else if (busy) event.preventDefault();
    else onClick?.(event);
  };
  return html`
    <button type=${submit ? "submit" : "button"} class=${classes("button", kind, iconOnly && "icon-only")}
      aria-disabled=${why || busy ? "true" : null} aria-describedby=${why ? id : null} aria-label=${label}
      data-tip=${why || (iconOnly ? label : null)} onClick=${click} ...${rest}>
      ${icon && html`<${Icon} name=${icon} />`}${children}
    </button>${why && html`<span id=${id} hidden>${why}</span>`}`;
}
