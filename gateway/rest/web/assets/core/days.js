// Days and the time spans that objectives are planned for. A day is written "2026-07-01" and is one of UTC.

import { dates } from "./locale.js";

const dayTime = 24 * 60 * 60 * 1000; // milliseconds

const ranges = dates({ day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

/** Today. */
export const today = () => new Date().toISOString().slice(0, 10);

/** Days since 1970. @param {string} day */
export const dayNumber = (day) => Math.floor(Date.parse(day) / dayTime);

/** A day in words. @param {string} day */
export const dayText = (day) => ranges.format(Date.parse(day));

/** @param {{startDate: string, dueDate: string}} period */
export const periodText = ({ startDate, dueDate }) => ranges.formatRange(Date.parse(startDate), Date.parse(dueDate));

/**
 * The first and the last day of a cycle: a year, a half or a quarter of the calendar; undefined for none.
 * @param {string} cycle
 */
export function cycleDays(cycle) {
  const match = /^(\d{4})(?:-([QH])([1-4]))?$/.exec(cycle);
  if (!match) return undefined;
  const [, year, kind, part] = match;
  const months = { Q: 3, H: 6 }[kind] ?? 12;
  const first = kind ? (Number(part) - 1) * months : 0;
  const day = (/** @type {number} */ month, /** @type {number} */ date) => new Date(Date.UTC(Number(year), month, date)).toISOString().slice(0, 10);
  return { startDate: day(first, 1), dueDate: day(first + months, 0) };
}

/** What people call a cycle. @param {string} cycle */
export function cycleName(cycle) {
  const [year, part] = cycle.split("-");
  return part ? `${part}\u00a0${year}` : year;
}
