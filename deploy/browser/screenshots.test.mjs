// The pictures of the README.

import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Application } from "./application.mjs";
import { ada, Client, emma, max } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

const most = 150 << 10; // bytes of one picture

async function take(v, name, options = {}) {
  const path = fileURLToPath(new URL(`./screenshots/${name}.png`, import.meta.url));
  await v.page.evaluate(() => document.fonts.ready);
  await v.page.screenshot({ path, ...options });
  assert.ok(statSync(path).size <= most, `${name} has ${statSync(path).size} bytes`);
}

const now = new Date();
const cycle = `${now.getUTCFullYear()}-Q${Math.floor(now.getUTCMonth() / 3) + 1}`;

async function objectives({ ada: client, system }) {
  const objective = async (fields, keyResults) => {
    const { id } = await client.call("POST", "objectives", { ...fields, cycle });
    for (const [value, confidence, keyResult] of keyResults) {
      const kr = await client.call("POST", `objectives/${id}/keyResults`, keyResult);
      if (value) await client.call("POST", `keyResults/${kr.id}/checkIns`, { value, ...(confidence && { confidence: `CONFIDENCE_${confidence}` }) });
    }
    return client.call("GET", `objectives/${id}`);
  };
  await objective({ title: "Make planning something people look forward to", ownerId: max.id }, [
    ["72", "ON_TRACK", { title: "Nine of ten teams review their numbers every week" }],
    ["6", "AT_RISK", { title: "Median time from idea to objective under a day", startValue: "12", targetValue: "1", unit: "days", ownerId: emma.id }],
    ["", "", { title: "The autumn survey is evaluated", kind: "KEY_RESULT_KIND_MILESTONE" }],
  ]);
  const made = await objective({ title: "Be the tool that agents and people both trust", ownerId: ada.id }, [
    ["5", "", { title: "Five different MCP clients connect without help", targetValue: "5", unit: "clients" }],
    ["80", "ON_TRACK", { title: "No write is ever lost" }],
  ]);
  return { made, agent: await Client.agent(system, max, "Planner", ["read:okrs", "manage:krs"]) };
}

visit("objectives on a desk, with an agent at work", async (open, world) => {
  const { made, agent } = await objectives(world);
  const v = await open({ person: ada, size: { ...desk, height: 900 } });
  await v.go("/");
  await v.card(made.title).waitFor();
  await agent.call("POST", `keyResults/${made.keyResults[1].id}:setAttainment`, { attainment: 85 });
  await v.card(made.title).getByText("Max Moreau via Planner", { exact: true }).waitFor();
  await take(v, "objectives-desk-light");
});

visit("objectives on a phone", async (open, world) => {
  const { made } = await objectives(world);
  const v = await open({ person: emma, size: phone, dark: true });
  await v.go("/");
  await v.card(made.title).waitFor();
  await take(v, "objectives-phone-dark");
});

visit("consent", async (open, { system }) => {
  const app = await Application.register(system, "Planner");
  const v = await open({ person: max, size: { width: 640, height: 1120 } });
  try {
    await v.go(app.ask("profile read:okrs manage:krs manage:objectives"));
    await v.button("Allow").waitFor();
    await take(v, "consent");
  } finally { app.close(); }
});
