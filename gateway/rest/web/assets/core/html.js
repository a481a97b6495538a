// The one way in which markup is made: htm's templates over Preact, which never turn text into markup, and never let a text
// put what stands beside it in another order. Letters that are written from right to left, and signs that nobody sees, would
// (Unicode Standard Annex 9): a name could turn a sentence around.

import { h } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

const turning = /[\p{Bidi_C}\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/**
 * A text that has no effect on what stands beside it. Overrides are left out, and so is what would end the isolation.
 * @param {string} value
 */
function isolated(value) {
  if (!turning.test(value)) return value;
  let open = 0;
  const kept = value.replaceAll(/[\u202a-\u202e\u2066-\u2069]/g, (sign) => {
    const ends = sign === "\u2069";
    if (sign < "\u2066" || (ends && !open)) return "";
    open += ends ? -1 : 1;
    return sign;
  });
  return `\u2068${kept}${"\u2069".repeat(open + 1)}`;
}

/** @param {any} value */
const safe = (value) => (typeof value === "string" ? isolated(value) : value);

/** @type {(strings: TemplateStringsArray, ...values: any[]) => any} */
export const html = htm.bind((/** @type {any} */ type, /** @type {any} */ props, /** @type {any[]} */ ...children) =>
  h(type, props, ...children.map(safe)));

/**
 * Texts whose functions isolate what is put into them.
 * @template {object} T
 * @param {T} texts
 * @returns {T}
 */
export const isolating = (texts) => /** @type {any} */ (Object.fromEntries(Object.entries(texts).map(([name, text]) => [name,
  typeof text === "function" ? (/** @type {any[]} */ ...args) => text(...args.map(safe))
    : text?.constructor === Object ? isolating(text) : text])));

/**
 * Joins class names; false, null and undefined are left out.
 * @param {...(string|false|null|undefined)} names
 */
export const classes = (...names) => names.filter(Boolean).join(" ");
