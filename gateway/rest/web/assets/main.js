// Where the app starts.

import { h, render } from "./vendor/preact.js";
import { App } from "./app.js";
import { takeArrival } from "./core/arrival.js";
import { listen } from "./core/router.js";
import { keepAlive, load } from "./core/session.js";

takeArrival();
listen();
keepAlive();
const root = /** @type {HTMLElement} */ (document.getElementById("app"));
root.replaceChildren();
render(h(App, {}), root);
load();
