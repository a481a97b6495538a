// Asking for other objectives than those that are shown.

import { navigate } from "../core/router.js";
import { asTree, conditions, filter } from "../okrs/filter.js";

/** Changes the address, and so the filter. @param {Partial<import("../okrs/filter.js").Filter>} part */
export function refine(part) {
  const wanted = { ...filter.peek(), ...part };
  const query = new URLSearchParams(conditions.flatMap((name) => (wanted[name] ? [[name, wanted[name]]] : [])));
  if (asTree.peek()) query.set("view", "tree");
  navigate(`${location.pathname}${query.size > 0 ? `?${query}` : ""}`, { replace: true, stay: true });
}
