// The sessions of a member, one's own too: how each began, and an end to it.

import { useEffect } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { useAction } from "../core/action.js";
import { segment } from "../core/api.js";
import { ago } from "../core/format.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { dates } from "../core/locale.js";
import { ask } from "../core/session.js";
import { text } from "../core/strings.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Problem } from "../ui/problem.js";
import { texts } from "./later-strings.js";

const t = texts.sessions;

const times = dates({ dateStyle: "medium", timeStyle: "short" });

/**
 * @typedef {{memberSessionId: string, startTime?: string, lastAccessTime?: string, expireTime?: string, current: boolean,
 *   factors: {type: string, deliveryMethod: string}[]}} Session
 */

/** @param {{memberId: string, name: string, own: boolean, onClose: () => void}} props */
export default function Sessions({ memberId, name, own, onClose }) {
  const sessions = useSignal(/** @type {Session[]|null} */ (null));
  const path = `members/${segment(memberId)}/sessions`;
  const load = useAction(async () => { sessions.value = (await ask("GET", path)).memberSessions; });
  const end = useAction(async (/** @type {Session} */ session) => {
    try {
      await ask("DELETE", `${path}/${segment(session.memberSessionId)}`);
    } catch (caught) {
      if (/** @type {import("../core/api.js").Failure} */ (caught).reason !== "MEMBER_SESSION_NOT_FOUND") throw caught;
    }
    await ended(t.ended);
  });
  const endAll = useAction(async () => {
    await ask("POST", `${path}:revokeAll`, { body: {} });
    await ended(own ? t.othersEnded : t.allEnded);
  });
  const ended = async (/** @type {string} */ words) => {
    say(words);
    /** @type {HTMLElement|null} */ (document.querySelector("dialog[open] h2"))?.focus(); // the button goes with the session
    await load.run();
  };
  useEffect(() => { load.run(); }, []);
  const known = sessions.value;
  const others = known?.filter((session) => !session.current).length ?? 0;
  return html`
    <${Dialog} wide title=${own ? t.own : t.of(name)} onClose=${onClose}>
      <p class="quiet">${t.lead}</p>
      <${Problem} failure=${load.failure.value} onRetry=${load.run} />
      <${Problem} failure=${end.failure.value ?? endAll.failure.value} />
      ${known === null && !load.failure.value && html`<p role="status" class="quiet">${text.loading}</p>`}
      ${known?.length === 0 && html`<p class="none">${t.none}</p>`}
      ${known && known.length > 0 && html`
        <ul class="rows" aria-label=${own ? t.own : t.of(name)}>${known.map((session) => html`
          <li class="row" key=${session.memberSessionId}>
            <div class="person">
              <h3>${howEntered(session)}${session.current && html` <span class="tag">${t.current}</span>`}</h3>
              ${facts(session).map((fact) => html`<p>${fact}</p>`)}
            </div>
            ${!session.current && html`<div class="tools">
              <${Button} busy=${end.busy.value} label=${t.endNamed(howEntered(session), when(session.startTime))}
                onClick=${() => end.run(session)}>${t.end}<//></div>`}
          </li>`)}</ul>`}
      <p class="actions">
        ${others > 1 && html`<${Button} kind="danger" busy=${endAll.busy.value} onClick=${endAll.run}>${own ? t.endOthers : t.endAll}<//>`}
        <${Button} onClick=${onClose}>${t.close}<//>
      </p>
    <//>`;
}

/** The proofs that a session rests on, in words. @param {Session} session */
const howEntered = (session) => t.by(session.factors.map((f) => t.factors[f.type] ?? t.factors[f.deliveryMethod] ?? f.type));

/** @param {string} [time] */
const when = (time) => (time ? times.format(Date.parse(time)) : "");

/** @param {Session} session */
const facts = ({ startTime, lastAccessTime, expireTime }) => [
  startTime && t.began(when(startTime)),
  lastAccessTime && t.used(ago(lastAccessTime)),
  expireTime && t.ends(when(expireTime)),
].filter(Boolean);
