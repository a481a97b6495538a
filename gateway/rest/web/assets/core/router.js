// Addresses and views. Each view has an address of its own, which the server answers with the app's page, too.

import { computed, signal } from "../vendor/signals.js";
import { text } from "./strings.js";
import { styled } from "./style.js";

/**
 * @typedef {{path: string, title: string, nav?: string, under?: string, open?: boolean, load: () => Promise<{default: any}>}} Route
 * nav: its name in the navigation; under: whose part it is there; open: can be seen without signing in.
 */

/** A view whose styles are not needed for what is seen first. @param {Promise<{default: any}>} module */
const later = (module) => styled(module, "views.css");

/** @type {Route[]} */
export const routes = [
  { path: "/", title: text.titles.objectives, nav: text.nav.objectives, load: () => import("../okrs/objectives.js") },
  { path: "/objective", title: text.titles.objective, under: "/", load: () => import("../okrs/one.js") },
  { path: "/check-ins", title: text.titles.checkIns, nav: text.nav.checkIns, load: () => import("../okrs/check-ins.js") },
  { path: "/activity", title: text.titles.activity, nav: text.nav.activity, load: () => styled(import("../history/activity.js"), "forms.css") },
  { path: "/proposals", title: text.titles.proposals, nav: text.nav.proposals, load: () => styled(import("../history/proposals.js"), "forms.css") },
  { path: "/members", title: text.titles.members, nav: text.nav.members, load: () => styled(later(import("../views/members.js")), "forms.css") },
  { path: "/settings", title: text.titles.settings, nav: text.nav.settings, load: () => later(import("../views/settings.js")) },
  { path: "/agents", title: text.titles.agents, nav: text.nav.agents, load: () => later(import("../views/agents.js")) },
  { path: "/about", title: text.titles.about, nav: text.nav.about, open: true, load: () => later(import("../views/about.js")) },
  { path: "/organizations", title: text.titles.organizations, load: () => later(import("../views/organizations.js")) },
  { path: "/signin", title: text.titles.signIn, load: () => import("../okrs/objectives.js") },
  { path: "/oauth/authorize", title: text.titles.consent, load: () => later(import("../views/consent.js")) },
];

/** Where the browser is: path and query. */
export const address = signal(location.pathname + location.search);

/** The route of the address. The server serves the app under no other address. */
export const route = computed(() => {
  const path = new URL(address.value, location.origin).pathname;
  return routes.find((r) => r.path === path) ?? routes[0];
});

/** Counts navigations, so that the new view can take the focus. The page as it was opened does not. */
export const navigations = signal(0);

/**
 * Goes to an address of the app.
 * @param {string} to path and query
 * @param {{replace?: boolean, stay?: boolean}} [options] stay: without scrolling
 */
export function navigate(to, { replace = false, stay = false } = {}) {
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  arrive();
  if (!stay) scrollTo(0, 0);
}

function arrive() {
  address.value = location.pathname + location.search;
  navigations.value += 1;
}

/** Lets links of the app change the view in place, and the browser's buttons go back. */
export function listen() {
  addEventListener("popstate", arrive);
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = /** @type {Element} */ (event.target).closest?.("a[href]");
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
    if (link.origin !== location.origin || link.hash || !routes.some((r) => r.path === link.pathname)) return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}

/**
 * The path that the query parameter "return" asks for, if it stays on this host; else "".
 * @param {string} search
 */
export function returnPath(search) {
  const wanted = new URLSearchParams(search).get("return");
  if (!wanted?.startsWith("/")) return "";
  const target = new URL(wanted, location.origin);
  const path = target.pathname + target.search;
  return target.origin === location.origin && !path.startsWith("//") ? path : ""; // "/.//host" has such a path
}
