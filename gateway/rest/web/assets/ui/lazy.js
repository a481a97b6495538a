// What comes later: parts of the app that are loaded when they are needed, and the rest of long lists.

import { useEffect, useRef, useState } from "../vendor/preact-hooks.js";
import { useSignal } from "../vendor/signals.js";
import { html } from "../core/html.js";
import { text } from "../core/strings.js";
import { Button } from "./button.js";

/** What is loaded is shown at once. @type {Map<() => Promise<{default: any}>, any>} */
const loaded = new Map();

/** Loads a part before it is needed. @param {() => Promise<{default: any}>} load */
export async function preload(load) {
  try {
    loaded.set(load, (await load()).default);
  } catch {
    // Whoever needs it is told.
  }
}

/**
 * @param {{load: () => Promise<{default: any}>, title?: string, meanwhile?: any, onLoad?: () => void, [prop: string]: any}} props
 * title: heading for the case that it cannot be loaded. meanwhile: what is shown until then. onLoad is called once it is
 * shown. The rest is for the part.
 */
export function Lazy({ load, title, meanwhile, onLoad, ...rest }) {
  const part = useSignal(/** @type {any} */ (loaded.get(load) ?? null));
  const broken = useSignal(false);
  useEffect(() => {
    if (!part.peek()) preload(load).then(() => {
      part.value = loaded.get(load) ?? null;
      broken.value = !part.value;
    });
  }, []);
  useEffect(() => {
    if (part.value) onLoad?.();
  }, [part.value]);
  if (broken.value) {
    return html`
      ${title && html`<h1 tabindex="-1">${title}</h1>`}
      <div class="notice bad" role="alert"><p>${text.viewBroken}</p>
        <${Button} onClick=${() => location.reload()}>${text.tryAgain}<//></div>`;
  }
  if (!part.value) return meanwhile ?? html`<p class="visually-hidden" role="status">${text.loading}</p>`;
  return html`<${part.value} ...${rest} />`;
}

const room = 24; // rows that one task makes: more than a screen has

/**
 * What there is by now of a list: what was there, and some more in each task.
 * @param {string[]} ids
 * @param {(id: string) => number} rows how many rows one of them takes
 * @param {boolean} [whole] whether all of it is to be there at once
 */
export function useGradual(ids, rows, whole) {
  const there = useRef(new Set(/** @type {string[]} */ ([])));
  const [, again] = useState(0);
  let left = whole ? Infinity : room;
  const now = ids.filter((id) => {
    if (there.current.has(id)) return true;
    if (left <= 0) return false;
    left -= rows(id);
    return true;
  });
  there.current = new Set(now);
  useEffect(() => {
    if (now.length < ids.length) again((n) => n + 1);
  });
  return now;
}
