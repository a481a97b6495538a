// Choosing somebody of the organization.

import { useEffect } from "../vendor/preact-hooks.js";
import { html } from "../core/html.js";
import { findPeople, me, people, personName } from "../core/people.js";
import { Select } from "../ui/select.js";
import { words } from "../okrs/strings.js";
import { t } from "./strings.js";

const collator = new Intl.Collator();

/** @param {{label: string, none: string, value: string, onValue: (value: string) => void, meAs?: string, [attribute: string]: any}} props
 * none: the name of choosing nobody; meAs: what stands for the member who is signed in, if not the id */
export function Owner({ label, none, value, onValue, meAs = me(), ...rest }) {
  useEffect(() => { findPeople(); }, []);
  const others = [...(people.value ?? [])].filter(([id, name]) => id !== me() && (name || id === value))
    .sort(([, a], [, b]) => collator.compare(a, b));
  if (value && value !== meAs && !others.some(([id]) => id === value)) others.push([value, personName(value) || words.formerMember]);
  return html`<${Select} label=${label} value=${value} onValue=${onValue}
    options=${[["", none], [meAs, t.people.me(personName(me()))], ...others]} ...${rest} />`;
}
