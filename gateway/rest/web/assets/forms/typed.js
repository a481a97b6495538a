// Numbers as people type them: as their locale writes numbers, or plain, with the digits 0 to 9 and a point.

import { locale } from "../core/locale.js";
import { decimal, digits, editable, group } from "../core/values.js";
import { t } from "./strings.js";

const grouping = new Intl.NumberFormat(locale, { useGrouping: "always" });

// Other signs that are typed for the one that the locale has between groups: keyboards have one space and one apostrophe.
const groups = [/[\s]/, /['’]/].find((signs) => signs.test(group));

/** Digits of the locale as 0 to 9. @param {string} typed */
const ascii = (typed) => [...typed].map((sign) => {
  const at = digits.indexOf(sign);
  return at < 0 ? sign : String(at);
}).join("");

/** What was typed, with one sign for each meaning. @param {string} typed */
function signs(typed) {
  const usual = ascii(typed).trim()
    .replaceAll(/[\u061c\u200e\u200f]/g, "") // marks of direction, which come along where a number is copied
    .replaceAll(/[\uff0b-\uff19]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0)) // of Japanese and Chinese keyboards
    .replace(/^\u2212/, "-");
  return groups ? usual.replaceAll(new RegExp(groups, "g"), group) : usual;
}

/** As the locale writes it, with groups where they may be or with none; null if it is not so. @param {string} unsigned */
function asLocal(unsigned) {
  const [whole, fraction = "", ...more] = unsigned.split(decimal);
  const bare = group ? whole.replaceAll(group, "") : whole;
  if (more.length > 0 || !/^\d+$/.test(bare + fraction)) return null;
  return bare === whole || whole === ascii(grouping.format(BigInt(bare))) ? plain(bare, fraction) : null;
}

/** @param {string} unsigned */
function asPlain(unsigned) {
  const [, whole, fraction = ""] = /^(\d*)(?:\.(\d*))?$/.exec(unsigned) ?? [];
  return whole || fraction ? plain(whole, fraction) : null;
}

/** As the server takes it; null for what is too long. @param {string} whole @param {string} fraction */
function plain(whole, fraction) {
  const before = whole.replace(/^0+(?=\d)/, "") || "0";
  return before.length + fraction.length > 18 ? null : `${before}${fraction && `.${fraction}`}`;
}

/** The values that something can be read as: none, one, or two that differ. @param {string} typed */
function readings(typed) {
  const [, minus, unsigned] = /** @type {RegExpExecArray} */ (/^(-?)(.*)$/s.exec(signs(typed)));
  const values = [asLocal(unsigned), asPlain(unsigned)].filter((value) => value !== null);
  return [...new Set(values)].map((value) => (/[1-9]/.test(value) ? minus : "") + value);
}

/**
 * What somebody typed as a value; null if it is none, or could be two.
 * @param {string} typed
 */
export function parseValue(typed) {
  const [value = null, other] = readings(typed);
  return other === undefined ? value : null;
}

/** What is wrong with a number that was typed; "" for nothing. @param {string} typed */
export function numberError(typed) {
  const found = readings(typed);
  if (found.length === 1) return "";
  // Two there are where the locale has a point between groups: a whole number, and one with a fraction.
  if (found.length === 2) return t.number.ambiguous(typed.trim(), editable(found[0]), editable(found[1]));
  return t.number.none(editable("12"), editable("4.5"));
}
