// Measured values. They are decimal numbers of up to 18 digits in texts, exact, and are never turned into floating point.

import { locale } from "./locale.js";

/** @typedef {import("./api.js").KeyResult} KeyResult */
/** @typedef {Pick<KeyResult, "format"|"unit">} Written */

const parts = new Intl.NumberFormat(locale).formatToParts(-12345.5);

/** @param {string} type */
const sign = (type) => parts.find((part) => part.type === type)?.value ?? "";

/** What stands between the whole and its parts. */
export const decimal = sign("decimal") || ".";

/** What stands between groups of digits. */
export const group = sign("group");

/** The digits from zero to nine. */
export const digits = [...new Intl.NumberFormat(locale, { useGrouping: false }).format(9876543210)].reverse();

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
    new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, ...options });
  formats.set(key, known);
  return known.format(/** @type {any} */ (value)); // texts are taken as exact decimals (ECMA-402, ToIntlMathematicalValue)
}

/** A value as the reader's locale writes numbers. @param {string|number} value */
export const numberText = (value) => format(String(value || 0));

/** @param {string|number} value */
export const percent = (value) => `${numberText(value)}\u202f%`;

/**
 * A value as its key result writes it: with the percent sign, the unit or the currency.
 * @param {Written} kr
 * @param {string} value
 */
export function valueText({ format: kind, unit }, value) {
  if (kind === "VALUE_FORMAT_PERCENT") return percent(value);
  if (kind === "VALUE_FORMAT_CURRENCY" && /^[A-Z]{3}$/.test(unit)) {
    const digits = decimals(value) && Math.max(2, decimals(value)); // cents are written as two digits, or not at all
    return format(value || "0", { style: "currency", currency: unit }, digits);
  }
  return unit ? `${numberText(value)}\u00a0${unit}` : numberText(value);
}

/** A value as it is typed. @param {string} value */
export const editable = (value) => value.replaceAll(/\d/g, (digit) => digits[Number(digit)]).replace(".", decimal);

/** Whether two values are the same number, whatever stands behind the point. @param {string} a @param {string} b */
export const sameValue = (a, b) => bare(a) === bare(b);

const bare = (/** @type {string} */ value) => (value.includes(".") ? value.replace(/\.?0+$/, "") : value).replace(/^-0$/, "0");

/** Whether a key result is a percentage from 0 to 100, whose attainment is its value. @param {KeyResult} kr */
export const isPercentage = (kr) => kr.kind !== "KEY_RESULT_KIND_MILESTONE" && kr.format === "VALUE_FORMAT_PERCENT" &&
  sameValue(kr.startValue, "0") && sameValue(kr.targetValue, "100");

/** Whether a key result is done or not, and nothing between. @param {KeyResult} kr */
export const isMilestone = (kr) => kr.kind === "KEY_RESULT_KIND_MILESTONE";
