// Sending a file, and reading what the server says of it while it works.

import { Failure } from "../core/api.js";
import { ended } from "../core/session.js";

/**
 * @typedef {{objectivesCreated: number, keyResultsCreated: number, checkInsCreated: number, unchanged: number,
 *   failed: number, offset: string}} Progress
 * @typedef {{row: string, id: string, field: string, message: string}} Trouble
 * @typedef {{progress?: Progress, problem?: Trouble, summary?: Progress}} Message
 */

/** @type {Record<string, {format: string, type: string}>} */
const kinds = { json: { format: "json", type: "application/json" }, csv: { format: "csv", type: "text/csv" } };

/** What kind of file it is, by its name; undefined for one that cannot be imported. @param {File} file */
export const kindOf = (file) => kinds[file.name.toLowerCase().split(".").at(-1) ?? ""];

/**
 * Sends a file, and hands over each message of the answer. Throws Failure: also where the answer ends before its summary.
 * @param {File} file
 * @param {{dryRun: boolean, signal: AbortSignal, onMessage: (message: Message) => void}} options
 */
export async function send(file, { dryRun, signal, onMessage }) {
  const kind = kindOf(file);
  let response;
  try {
    response = await fetch(`/api/v1/import?format=${kind?.format}&dryRun=${dryRun}`, {
      method: "POST", body: file, headers: { "Content-Type": kind?.type ?? "" }, credentials: "same-origin", signal,
    });
  } catch {
    throw new Failure(0, {});
  }
  if (!response.ok || !response.body) await refuse(response);
  let complete = false;
  for await (const line of lines(/** @type {ReadableStream<any>} */ (response.body))) {
    const message = JSON.parse(line);
    if (message.error) throw failed(message.error.code, message.error);
    complete ||= message.summary !== undefined;
    onMessage(message);
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
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read().catch(() => { throw new Failure(0, {}); });
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop() ?? "";
    yield* parts.filter((line) => line.trim());
  }
  if (rest.trim()) yield rest;
}
