// The cycles to choose from.

import { today } from "../core/days.js";

/** The cycles around today that somebody may want to plan for, by their length. */
export function cyclesNear(now = today()) {
  const year = Number(now.slice(0, 4));
  const month = Number(now.slice(5, 7)) - 1;
  const quarter = year * 4 + Math.floor(month / 3);
  const half = year * 2 + Math.floor(month / 6);
  const quarters = [-1, 0, 1, 2, 3].map((n) => `${Math.floor((quarter + n) / 4)}-Q${(quarter + n) % 4 + 1}`);
  const halves = [0, 1].map((n) => `${Math.floor((half + n) / 2)}-H${(half + n) % 2 + 1}`);
  return [...quarters, ...halves, String(year), String(year + 1)];
}

/** The cycle that an objective most likely is for: the present quarter. */
export const presentCycle = () => cyclesNear()[1];
