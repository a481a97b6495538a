// Everything out as a file, and in again.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ada, Client, emma, max } from "./people.mjs";
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
      await section.getByText(/^okr-manager-.* is whole, and handed to the browser: 1 objective, \d.kB\.$/).waitFor();
      await v.hears(/ is whole, and handed to the browser: 1 objective/);
      const plain = await section.getByRole("link", { name: `Export as ${name}` }).getAttribute("href");
      if (name !== "Markdown") assert.ok(files[name].equals(await (await v.context.request.get(v.system.url + plain)).body()), "it is the plain link's file");
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

/** Lets an export come no further than its first piece until the answer is asked to go on: as is, cut off, or with a last line. */
async function hold(page, { objectives, then }) {
  await page.addInitScript(([count, end]) => {
    const real = globalThis.fetch;
    globalThis.fetch = async (address, options) => {
      if (!String(address).startsWith("/api/v1/export")) return real(address, options);
      const answer = await real(address, options);
      const text = await answer.text();
      const first = text.slice(0, text.indexOf("\n") + 1);
      const piece = { ...JSON.parse(first).piece, objectiveCount: count, objectiveTotal: count * 2 };
      const body = new ReadableStream({
        async start(stream) {
          const put = (line) => stream.enqueue(new TextEncoder().encode(line));
          options.signal.addEventListener("abort", () => stream.error(options.signal.reason));
          put(`${JSON.stringify({ piece })}\n`.slice(0, 20)); // lines are cut anywhere
          put(`${JSON.stringify({ piece })}\n`.slice(20));
          await new Promise((resolve) => { globalThis.goOn = resolve; });
          if (end === "cut") return stream.error(new TypeError("network error"));
          if (end === "short") return stream.close();
          put(end ? `${JSON.stringify(end)}\n` : text.slice(first.length));
          stream.close();
        },
      });
      return new Response(body, { status: answer.status, headers: answer.headers });
    };
  }, [objectives, then ?? null]);
}

/** Downloads, which there must be none of. */
function downloads(page) {
  const all = [];
  page.on("download", (download) => all.push(download.suggestedFilename()));
  return all;
}

const sectionOf = (v) => v.page.getByRole("region", { name: "Export and import" });

visit("an export shows how far it is, and can be stopped, which saves nothing", async (open, { ada: client }) => {
  await client.objective("Take me with you");
  const v = await open({ person: ada });
  const { page } = v;
  await hold(page, { objectives: 50 });
  const got = downloads(page);
  await v.go("/settings");
  const section = sectionOf(v);
  const link = section.getByRole("link", { name: "Export as JSON" });
  await link.press("Enter");
  await v.hears(/Exporting as JSON/);
  await section.getByText("50 of 100 objectives, 1\u00a0kB so far.").waitFor();
  const bar = section.getByRole("progressbar", { name: "Progress of the export" });
  await v.until(async () => assert.deepEqual(await bar.evaluate(({ value, max }) => [value, max]), [50, 100]));
  assert.equal(await section.getByRole("link", { name: "Export as CSV" }).getAttribute("aria-disabled"), "true");
  await v.accessible("an export that is running");
  await v.picture("export-running", { fullPage: true });
  await section.getByRole("button", { name: "Stop the export" }).press("Enter");
  await section.getByText("Stopped. Nothing was saved.").waitFor();
  await v.hears(/Stopped\. Nothing was saved/);
  await v.focuses(/^Export as JSON$/);
  await bar.waitFor({ state: "detached" });
  await v.accessible("an export that was stopped");
  assert.deepEqual(got, []);
  await link.press("Enter");
  await section.getByText("50 of 100 objectives").waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.evaluate(() => globalThis.goOn())]);
  JSON.parse(readFileSync(await download.path(), "utf8"));
  await section.getByText(/is whole, and handed to the browser/).waitFor();
});

for (const [what, then, says] of [
  ["whose connection is cut", "cut", "The server did not answer."],
  ["that ends before it is whole", "short", "The server did not answer."],
  ["that the server gives up", { error: { code: 500, message: "internal", reason: "" } }, "Something went wrong on our side."],
]) {
  visit(`an export ${what} says so, and saves nothing as if it were whole`, async (open, { ada: client }) => {
    await client.objective("Take me with you");
    const v = await open({ person: ada });
    await hold(v.page, { objectives: 1, then });
    const got = downloads(v.page);
    await v.go("/settings");
    const section = sectionOf(v);
    await section.getByRole("link", { name: "Export as CSV" }).click();
    await section.getByText("1 of 2 objectives").waitFor();
    await v.page.evaluate(() => globalThis.goOn());
    await section.getByText("The export was cut off. Nothing was saved").waitFor();
    await section.getByRole("alert").filter({ hasText: says }).waitFor();
    await v.accessible(`an export ${what}`);
    assert.deepEqual(got, []);
  });
}

visit("an export after the session has ended asks to sign in, and is then taken up", async (open, { ada: client }) => {
  await client.objective("Take me with you");
  const v = await open({ person: ada });
  v.tolerate(/401 \(Unauthorized\)/);
  const asked = new Set();
  const mine = (request) => /\/api\/v1\/(?!changes:watch)/.test(request.url());
  v.page.on("request", (request) => { if (mine(request)) asked.add(request); });
  for (const end of ["requestfinished", "requestfailed"]) v.page.on(end, (request) => { asked.delete(request); });
  await v.go("/settings");
  const section = sectionOf(v);
  const link = section.getByRole("link", { name: "Export as JSON" });
  await link.waitFor();
  // It is the export that is to find the session ended, and no other part of the page, which would ask to sign in, too.
  await v.page.getByLabel("Name of the identity provider").waitFor();
  await v.until(async () => assert.equal(asked.size, 0));
  await v.client.call("DELETE", "session");
  const got = downloads(v.page);
  await link.click();
  await v.page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  assert.deepEqual(got, []);
  const renewed = await Client.signIn(v.system, ada);
  await v.context.addCookies(renewed.cookies);
  await v.page.reload();
  await Promise.all([v.page.waitForEvent("download"), link.click()]);
});

visit("an export whose session ends midway is cut off, and asks to sign in", async (open, { ada: client }) => {
  await client.objective("Take me with you");
  const v = await open({ person: ada });
  await hold(v.page, { objectives: 1, then: { error: { code: 401, message: "expired", reason: "TOKEN_EXPIRED" } } });
  const got = downloads(v.page);
  await v.go("/settings");
  await sectionOf(v).getByRole("link", { name: "Export as JSON" }).click();
  await sectionOf(v).getByText("1 of 2 objectives").waitFor();
  await v.page.evaluate(() => globalThis.goOn());
  await v.page.getByRole("dialog", { name: "Your session has ended" }).waitFor();
  await v.page.getByText("The export was cut off. Nothing was saved").waitFor();
  assert.deepEqual(got, []);
});

visit("an export that the page cannot hold is left to the browser", async (open, { ada: client }) => {
  await client.objective("Take me with you");
  const v = await open({ person: ada });
  await v.page.route("**/transfer/export.js", async (route) => {
    const answer = await route.fetch();
    const text = await answer.text();
    assert.match(text, /= 500e6;/);
    return route.fulfill({ response: answer, body: text.replace("= 500e6;", "= 100;") });
  });
  const got = downloads(v.page);
  await v.go("/settings");
  const section = sectionOf(v);
  await section.getByRole("link", { name: "Export as JSON" }).click();
  await section.getByText("This is more than the 1\u00a0kB that the page can hold. Nothing was saved.").waitFor();
  assert.deepEqual(got, []);
  await v.accessible("an export that is too large for the page");
  const [download] = await Promise.all([v.page.waitForEvent("download"), section.getByRole("link", { name: "Let the browser save it" }).click()]);
  JSON.parse(readFileSync(await download.path(), "utf8"));
});

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
