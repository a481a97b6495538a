// Parts of the objectives' view that are loaded once it is there.

import { Failure } from "../core/api.js";
import { styled } from "../core/style.js";
import { preload } from "../ui/lazy.js";

const form = (/** @type {Promise<{default: any}>} */ module) => styled(module, "forms.css");

export const parts = {
  above: () => import("./above.js"),
  views: () => styled(import("./views.js"), "tree.css"),
  tree: () => styled(import("./tree.js"), "tree.css"),
  composer: () => form(import("../forms/composer.js")),
  editor: () => form(import("../forms/editor.js")),
  checkIn: () => form(import("../forms/check-in.js")),
  delete: () => form(import("../forms/delete.js")),
  close: () => form(import("../forms/close.js")),
  conflict: () => form(import("../forms/conflict.js")),
  gone: () => form(import("../forms/gone.js")),
  empty: () => form(import("../forms/empty.js")),
  filters: () => form(import("../forms/filters.js")),
  report: () => form(import("../forms/report.js")),
  history: () => form(import("../history/history.js")),
};

/** Loads what writes. Throws Failure. */
export const writes = () => import("./writes.js").catch(() => { throw new Failure(0, {}); });

/** Loads all parts, so that they are there at once when they are needed, and when the server is away. */
export function preloadParts() {
  Object.values(parts).forEach(preload);
  writes().catch(() => {}); // whoever writes is told
}
