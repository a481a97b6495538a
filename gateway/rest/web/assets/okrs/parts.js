// Parts of the objectives' view that are loaded once it is there.

import { signal } from "../vendor/signals.js";
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

/** What reads numbers that are typed; null until it is there. */
export const typed = signal(/** @type {typeof import("../forms/typed.js")|null} */ (null));

/** Loads what reads numbers. Throws Failure. */
export async function reader() {
  typed.value ??= await import("../forms/typed.js").catch(() => { throw new Failure(0, {}); });
  return typed.value;
}

/** Loads all parts, so that they are there at once when they are needed, and when the server is away. */
export function preloadParts() {
  Object.values(parts).forEach(preload);
  Promise.all([writes(), reader()]).catch(() => {}); // whoever writes is told
}
