// The texts of export and import.

import { isolating } from "../core/html.js";
import { count, reasons } from "../core/strings.js";
import { numberText } from "../core/values.js";

Object.assign(reasons, {
  BODY_TOO_LARGE: "This file is larger than the server takes.",
  IMPORT_MALFORMED: "This is no file that can be imported: choose one in JSON or CSV as an export writes it.",
});

/** @typedef {import("./import.js").Progress} Progress */

/** @param {Pick<Progress, "objectivesCreated"|"keyResultsCreated"|"checkInsCreated">} progress */
const things = ({ objectivesCreated, keyResultsCreated, checkInsCreated }) =>
  `${count(objectivesCreated, "objective")}, ${count(keyResultsCreated, "key result")} and ${count(checkInsCreated, "check-in")}`;

/** How large a file is. @param {number} bytes */
export const size = (bytes) => (bytes < 1e6 ? `${numberText(Math.ceil(bytes / 1e3))}\u00a0kB` : `${numberText((bytes / 1e6).toFixed(1))}\u00a0MB`);

export const t = isolating({
  title: "Export and import",
  lead: "All objectives with their key results and check-ins, archived ones included, as one file.",
  export: "Export",
  formats: [
    { format: "json", extension: "json", name: "JSON", label: "Export as JSON", hint: "Complete; can be imported again." },
    { format: "csv", extension: "csv", name: "CSV", label: "Export as CSV", hint: "For spreadsheets; can be imported again." },
    { format: "markdown", extension: "md", name: "Markdown", label: "Export as Markdown", hint: "To read and to pass on." },
  ],
  exporting: (/** @type {string} */ format) => `Exporting as ${format} …`,
  exportProgress: "Progress of the export",
  exportedSoFar: (/** @type {{objectives: number, total: number, bytes: number}} */ { objectives, total, bytes }) =>
    `${total > 0 ? `${objectives} of ${count(total, "objective")}` : count(objectives, "objective")}, ${size(bytes)} so far.`,
  exported: (/** @type {string} */ name, /** @type {{objectives: number, bytes: number}} */ { objectives, bytes }) =>
    `${name} is whole, and handed to the browser: ${count(objectives, "objective")}, ${size(bytes)}.`,
  stopExport: "Stop the export",
  exportStopped: "Stopped. Nothing was saved.",
  exportCut: "The export was cut off. Nothing was saved: half a file would be of no use. Export again.",
  tooLarge: (/** @type {string} */ most) => `This is more than the ${most} that the page can hold. Nothing was saved.`,
  past: "Let the browser save it",
  import: "Import",
  importHint: "A file that was exported as JSON or CSV. What is here already stays as it is, so the same file can be sent twice.",
  file: "File",
  check: "Check the file",
  checking: "Checking …",
  run: "Import it",
  running: "Importing …",
  stop: "Stop",
  again: "Send it again",
  chooseFirst: "Choose a file first.",
  wrongKind: "A file whose name ends in .json or .csv, please.",
  progress: "Progress of the import",
  would: (/** @type {Progress} */ p) => `It would add ${things(p)}.`,
  did: (/** @type {Progress} */ p) => `Added ${things(p)}.`,
  soFar: (/** @type {Progress} */ p) => `${things(p)} so far.`,
  unchanged: (/** @type {number} */ n) => `${n} ${n === 1 ? "is" : "are"} here already.`,
  failed: (/** @type {number} */ n) => `${count(n, "row")} cannot be imported.`,
  cut: "The import was cut off. What was added is kept; send the file again to go on.",
  stopped: "Stopped. What was added is kept.",
  problems: "What is wrong",
  moreProblems: (/** @type {number} */ n) => `And ${n} more.`,
});
