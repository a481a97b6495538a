// Measured values. They are decimal numbers of up to 18 digits in texts, exact, and are never turned into floating point.

import { percent } from "./format.js";

/** @typedef {import("./api.js").KeyResult} KeyResult */
/** @typedef {Pick<KeyResult, "format"|"unit">} Written */

const parts = new Intl.NumberFormat().formatToParts(-12345.5);

/** @param {string} type */
const sign = (type) => parts.find((part) => part.type === type)?.value ?? "";

const decimal = sign("decimal") || ".";
const group = sign("group");
const grouped = new RegExp(`^-?\\d{1,3}(\\${group || " "}\\d{3})+(\\${decimal}\\d+)?$`);

/** How many digits stand behind the point. @param {string} value */
const decimals = (value) => value.split(".")[1]?.length ?? 0;

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/**
 * @param {string} value
 * @param {Intl.NumberFormatOptions} [options]
 */
function format(value, options, digits = decimals(value)) {
  const key = `${digits} ${options?.currency}`;
  const known = formats.get(key) ??
    new Intl.NumberFormat(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits, ...options });
  formats.set(key, known);
  return known.format(/** @type {any} */ (value)); // texts are taken as exact decimals (ECMA-402, ToIntlMathematicalValue)
}

/** A value as the reader's language writes numbers. @param {string} value */
export const numberText = (value) => format(value || "0");

/**
 * A value as its key result writes it: with the percent sign, the unit or the currency.
 * @param {Written} kr
 * @param {string} value
 */
export function valueText({ format: kind, unit }, value) {
  if (kind === "VALUE_FORMAT_PERCENT") return percent(numberText(value));
  if (kind === "VALUE_FORMAT_CURRENCY" && /^[A-Z]{3}$/.test(unit)) {
    const digits = decimals(value) && Math.max(2, decimals(value)); // cents are written as two digits, or not at all
    return format(value || "0", { style: "currency", currency: unit }, digits);
  }
  return unit ? `${numberText(value)}\u00a0${unit}` : numberText(value);
}

/** A value as it is typed. @param {string} value */
export const editable = (value) => value.replace(".", decimal);

/**
 * What somebody typed as a value; null if it is none. It may be written as the reader's language writes numbers, and with
 * a point.
 * @param {string} typed
 */
export function parseValue(typed) {
  let plain = typed.replaceAll(/[\s\u00a0\u202f'’]/g, "").replace(/^\u2212/, "-");
  if (grouped.test(plain)) plain = plain.replaceAll(group, "");
  plain = plain.replace(decimal, ".");
  if (!/^-?(\d+\.?\d*|\.\d+)$/.test(plain)) return null;
  const [, minus, whole, fraction] = /** @type {RegExpMatchArray} */ (plain.match(/^(-?)(\d*)\.?(\d*)$/));
  const before = whole.replace(/^0+(?=\d)/, "") || "0";
  const behind = fraction && `.${fraction}`;
  if (before.length + fraction.length > 18) return null;
  return `${/[1-9]/.test(before + behind) ? minus : ""}${before}${behind}`;
}

/** Whether two values are the same number, whatever stands behind the point. @param {string} a @param {string} b */
export const sameValue = (a, b) => bare(a) === bare(b);

const bare = (/** @type {string} */ value) => (value.includes(".") ? value.replace(/\.?0+$/, "") : value).replace(/^-0$/, "0");

/** Whether a key result is a percentage from 0 to 100, whose attainment is its value. @param {KeyResult} kr */
export const isPercentage = (kr) => kr.kind !== "KEY_RESULT_KIND_MILESTONE" && kr.format === "VALUE_FORMAT_PERCENT" &&
  sameValue(kr.startValue, "0") && sameValue(kr.targetValue, "100");

/** Whether a key result is done or not, and nothing between. @param {KeyResult} kr */
export const isMilestone = (kr) => kr.kind === "KEY_RESULT_KIND_MILESTONE";
