// Sending a file, and reading what the server says of it while it works.

import { messages } from "./stream.js";

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
  const answer = messages(`/api/v1/import?format=${kind?.format}&dryRun=${dryRun}`, {
    method: "POST", body: file, headers: { "Content-Type": kind?.type ?? "" }, signal,
  });
  for await (const message of answer) onMessage(message);
}
