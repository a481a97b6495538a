// Everything out as a file, and in again.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ada, emma, max } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

async function empty(client) {
  for (const { id } of (await client.call("GET", "objectives")).objectives) await client.call("DELETE", `objectives/${id}`);
}

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`an export is checked, imported, and imported again without harm (${width})`, async (open, { ada: client }) => {
    const { keyResults: [kr] } = await client.objective("Take me with you", { "Kept whole": 40 });
    await client.call("POST", `keyResults/${kr.id}/checkIns`, { note: "Packed." });
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/settings");
    const section = page.getByRole("region", { name: "Export and import" });
    const files = {};
    for (const name of ["JSON", "CSV", "Markdown"]) {
      const [download] = await Promise.all([page.waitForEvent("download"), section.getByRole("link", { name: `Export as ${name}` }).click()]);
      assert.match(download.suggestedFilename(), /^okr-manager-\d{4}-\d\d-\d\d\.(json|csv|md)$/);
      files[name] = readFileSync(await download.path());
      assert.match(String(files[name]), /Take me with you/);
    }
    await empty(client);

    const input = section.getByLabel("File");
    const button = (name) => section.getByRole("button", { name });
    assert.equal(await button("Check the file").getAttribute("data-tip"), "Choose a file first.");
    await input.setInputFiles({ name: "all.md", mimeType: "text/markdown", buffer: files.Markdown });
    await section.getByRole("alert").filter({ hasText: "A file whose name ends in .json or .csv" }).waitFor();
    await input.setInputFiles({ name: "all.json", mimeType: "application/json", buffer: files.JSON });
    await button("Check the file").click();
    await section.getByText("It would add 1 objective, 1 key result and 2 check-ins.").waitFor();
    assert.equal((await client.call("GET", "objectives")).objectives.length, 0, "a check changes nothing");
    await v.accessible(`a checked file (${width})`);
    await v.fits(`a checked file (${width})`);
    await v.picture(`import-${width}`, { fullPage: true });
    await button("Import it").click();
    await section.getByText("Added 1 objective, 1 key result and 2 check-ins.").waitFor();
    await v.hears(/Added 1 objective/);
    const [back] = (await client.call("GET", "objectives")).objectives;
    assert.deepEqual([back.title, back.keyResults[0].id, back.keyResults[0].attainment], ["Take me with you", kr.id, 40]);

    await input.setInputFiles({ name: "all.csv", mimeType: "text/csv", buffer: files.CSV });
    await button("Check the file").click();
    await section.getByText("4 are here already.").waitFor();
    const broken = String(files.CSV).replaceAll("Take me with you", "Something else");
    await input.setInputFiles({ name: "broken.csv", mimeType: "text/csv", buffer: Buffer.from(broken) });
    await button("Check the file").click();
    await section.getByRole("heading", { name: "What is wrong" }).waitFor();
    await section.getByText(/line 2/).first().waitFor();
    await v.accessible(`a file with something wrong (${width})`);
    v.tolerate(/400 \(Bad Request\)/);
    await input.setInputFiles({ name: "no.json", mimeType: "application/json", buffer: Buffer.from("[1, 2") });
    await button("Check the file").click();
    await section.getByText("This is no file that can be imported").waitFor();
  });
}

visit("an import that is cut off says what is kept, and goes on", async (open, { ada: client, system }) => {
  await client.objective("Come through", { "In pieces": 10 });
  const v = await open({ person: ada });
  v.tolerate(/Failed to load resource|ERR_/);
  const file = Buffer.from(await (await v.context.request.get(`${system.url}/api/v1/export?format=json`)).body());
  await empty(client);
  await v.go("/settings");
  const section = v.page.getByRole("region", { name: "Export and import" });
  await section.getByLabel("File").setInputFiles({ name: "all.json", mimeType: "application/json", buffer: file });
  await section.getByRole("button", { name: "Check the file" }).click();
  await section.getByText("It would add").waitFor();
  let cut = 0;
  await v.page.route("**/api/v1/import?*", async (route) => {
    if (cut > 0) return route.continue();
    cut += 1;
    await route.fetch();
    const progress = { objectivesCreated: 1, keyResultsCreated: 0, checkInsCreated: 0, unchanged: 0, failed: 0, offset: "10", continuation: "" };
    return route.fulfill({ status: 200, contentType: "application/x-ndjson", body: `${JSON.stringify({ progress })}\n` });
  });
  await section.getByRole("button", { name: "Import it" }).click();
  await section.getByText("The import was cut off. What was added is kept").waitFor();
  await v.accessible("an import that was cut off");
  await section.getByRole("button", { name: "Send it again" }).click();
  await section.getByText("3 are here already.").waitFor();
});

visit("who may not add objectives exports, and sees why not to import", async (open) => {
  for (const person of [max, emma]) {
    const v = await open({ person });
    await v.go("/settings");
    const section = v.page.getByRole("region", { name: "Export and import" });
    await section.getByRole("link", { name: "Export as CSV" }).waitFor();
    await section.getByText(/^Your role \((Manager|Employee)\) cannot add objectives\.$/).first().waitFor();
    assert.equal(await section.getByLabel("File").isEnabled(), false);
    await v.accessible("export alone");
  }
});
