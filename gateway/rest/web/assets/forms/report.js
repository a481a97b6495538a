// What an agent reported, for a member to confirm.

import { useAction } from "../core/action.js";
import { html } from "../core/html.js";
import { say } from "../core/live.js";
import { confirmReport } from "../okrs/writes.js";
import { Button } from "../ui/button.js";
import { Problem } from "../ui/problem.js";
import { t } from "./strings.js";

/** @param {{item: import("../core/api.js").KeyResult, denied: string}} props */
export default function Report({ item, denied }) {
  const report = item.agentReport;
  const { busy, failure, run } = useAction(async () => {
    await confirmReport(item);
    say(t.report.confirmed(item.title));
    requestAnimationFrame(() => document.getElementById(`report-${item.id}`)?.focus()); // this button is gone
  });
  return report && html`
    <p>${t.report.by(report.clientName || t.report.unnamed)}</p>
    <${Button} label=${t.report.confirmNamed(item.title)} icon="check" why=${denied} busy=${busy.value} onClick=${run}>${t.report.confirm}<//>
    <${Problem} failure=${failure.value} />`;
}
