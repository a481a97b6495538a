// A session lasts as long as somebody uses the page.

import { call } from "./api.js";
import { adopt, ended, session } from "./session.js";

const minute = 60_000;
let lastActive = 0;

/** Extends the session while it is used: when less than half an hour is left and somebody was active of late. */
export function keepAlive() {
  for (const event of ["pointerdown", "keydown"]) {
    addEventListener(event, () => { lastActive = Date.now(); }, { passive: true, capture: true });
  }
  setInterval(async () => {
    const current = session.value;
    if (!current || ended.value || Date.now() - lastActive > 5 * minute) return;
    if (Date.parse(current.expireTime) - Date.now() > 30 * minute) return;
    try {
      const renewed = await call("POST", "session:refresh", { body: {} });
      if (renewed.session) adopt(renewed.session);
    } catch {
      // The next call that matters says what is wrong.
    }
  }, minute);
}
