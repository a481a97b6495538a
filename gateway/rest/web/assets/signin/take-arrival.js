// The server tells what became of a sign-in in the address of the sign-in page: by a name, so that nobody can put words of
// theirs on our page.

import { arrival } from "../core/arrival.js";
import { address } from "../core/router.js";

/** Takes it out of the address, so that it is not said again when the page is loaded anew. */
export function takeArrival() {
  const at = new URL(location.href);
  const { searchParams: query } = at;
  const number = query.get("number") ?? "";
  arrival.value = { problem: query.get("problem") ?? "", number: /^[0-9a-f-]{36}$/.test(number) ? number : "" };
  query.delete("problem");
  query.delete("number");
  history.replaceState(null, "", at.pathname + at.search);
  address.value = at.pathname + at.search;
}
