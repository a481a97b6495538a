// Where the app starts.

import { h, render } from "./vendor/preact.js";
import { App } from "./app.js";
import { listen } from "./core/router.js";
import { load } from "./core/session.js";

if (location.pathname === "/signin" && new URLSearchParams(location.search).get("problem")) {
  (await import("./signin/take-arrival.js")).takeArrival();
}
listen();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(h(App, {}), root);
load();
import("./core/keep-alive.js").then(({ keepAlive }) => keepAlive(), () => {}); // the page works without, until the session ends
