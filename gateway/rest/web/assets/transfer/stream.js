// The answers of the server to export and import: lines of JSON, as they come.

import { Failure } from "../core/api.js";
import { ended } from "../core/session.js";

/**
 * Asks, and hands over each message of the answer. Throws Failure: also where the answer ends before its summary, and where
 * it is called off.
 * @param {string} address
 * @param {RequestInit} options
 * @returns {AsyncGenerator<any>}
 */
export async function* messages(address, options) {
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", ...options });
  } catch {
    throw new Failure(0, {});
  }
  if (!response.ok || !response.body) await refuse(response);
  let complete = false;
  for await (const line of lines(/** @type {ReadableStream<any>} */ (response.body))) {
    const message = JSON.parse(line);
    if (message.error) throw failed(message.error.code, message.error);
    complete ||= message.summary !== undefined;
    yield message;
  }
  if (!complete) throw new Failure(0, {});
}

/** @param {Response} response @returns {Promise<never>} */
async function refuse(response) {
  const answer = await response.json().catch(() => null);
  throw failed(response.status, answer?.error ?? {});
}

/** @param {number} status @param {object} error */
function failed(status, error) {
  if (status === 401) ended.value = true;
  return new Failure(status, error);
}

/** The lines of a stream of UTF-8. Throws Failure where it breaks. @param {ReadableStream<any>} body */
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  /** @type {string[]} */
  let rest = []; // of a line that came in several parts
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw new Failure(0, {}); });
    if (done) break;
    const parts = value.split("\n");
    rest.push(parts[0]);
    for (const part of parts.slice(1)) {
      const line = rest.join("");
      rest = [part];
      if (line.trim()) yield line;
    }
  }
  const last = rest.join("");
  if (last.trim()) yield last;
}
