// Says when proposals are others than before, for as long as they are looked at.

import { ended } from "../core/session.js";

/** @typedef {import("../core/api.js").Change} Change */

/**
 * Listens to the stream of changes, and connects again where it breaks. Answers what ends it.
 * @param {() => void} onProposals at first, because nobody knows what was missed until then, and when proposals were made,
 *   decided on or withdrawn, or have expired; also while the connection was cut
 * @param {(change: Change) => void} onChange when something has changed that a proposal may be about
 */
export function listen(onProposals, onChange) {
  let etag = "";
  let failures = 0;
  let timer = 0;
  let source = /** @type {EventSource|null} */ (null);
  const open = () => {
    const opened = source = new EventSource("/api/v1/changes:watch");
    opened.onopen = () => { failures = 0; };
    opened.addEventListener("proposals", (event) => {
      const { proposalsEtag } = JSON.parse(event.data);
      if (proposalsEtag === etag) return;
      etag = proposalsEtag;
      onProposals();
    });
    opened.addEventListener("change", (event) => onChange(JSON.parse(event.data)));
    opened.addEventListener("end", (event) => {
      opened.close();
      if (JSON.parse(event.data).error.code === 401) ended.value = true;
      else again();
    });
    opened.onerror = () => { // the browser connects again by itself, but not where an answer was no stream
      if (opened.readyState === EventSource.CLOSED) again();
    };
  };
  const again = () => { // from half a second to half a minute, and not in step with everybody else
    failures += 1;
    etag = ""; // changes were missed, which supersede proposals
    timer = setTimeout(open, Math.min(30_000, 500 * 2 ** (failures - 1)) * (0.5 + Math.random() / 2));
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
