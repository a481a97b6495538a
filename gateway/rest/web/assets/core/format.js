// Times and names for people.

import { dates, spoken } from "./locale.js";
import { text } from "./strings.js";

const relative = new Intl.RelativeTimeFormat(spoken, { numeric: "auto" });
const date = dates({ day: "numeric", month: "short", year: "numeric" });

/**
 * How long ago something was, in words; a date once that is more than a week.
 * @param {string} time RFC 3339
 * @param {number} [now] milliseconds
 */
export function ago(time, now = Date.now()) {
  const minutes = Math.round((Date.parse(time) - now) / 60_000);
  if (Number.isNaN(minutes)) return "";
  if (minutes >= 0) return text.live.justNow;
  if (minutes > -60) return relative.format(minutes, "minute");
  if (minutes > -24 * 60) return relative.format(Math.round(minutes / 60), "hour");
  if (minutes > -7 * 24 * 60) return relative.format(Math.round(minutes / 60 / 24), "day");
  return date.format(Date.parse(time));
}

/**
 * The first letters of a name, for where there is no room for it.
 * @param {string} name
 */
export const initials = (name) =>
  name.split(/[\s@.]+/).filter(Boolean).slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");
