// What somebody writes is on the page before the server says so, and is taken back where it does not become that. What was
// typed is not lost.

import assert from "node:assert/strict";
import { ada, emma, max } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

const writes = /\/api\/v1\/(objectives|keyResults)\/\S+$/;

/** Holds all writes back until `go` is called; what becomes of them is for `then` to say, or else the server. */
async function hold(v, then = (route) => route.continue()) {
  let go;
  const told = new Promise((resolve) => { go = resolve; });
  let held;
  const reached = new Promise((resolve) => { held = resolve; });
  await v.page.route(writes, async (route) => {
    if (route.request().method() === "GET") return route.continue();
    held();
    await told;
    return then(route);
  });
  return { go, reached };
}

const refused = (route) => route.fulfill({
  status: 503, json: { error: { code: 503, status: "UNAVAILABLE", message: "x", reason: "AUTHZ_UNAVAILABLE", details: [] } },
});
const full = "The service that checks permissions does not answer. Nothing was changed, and what you typed is kept.";
const silent = "The server did not answer. What you typed is kept.";

async function fill(client) {
  const objective = await client.objective("Before", { "A share": 20 });
  await client.call("PATCH", `objectives/${objective.id}`, { ownerId: max.id });
  const add = (fields) => client.call("POST", `objectives/${objective.id}/keyResults`, fields);
  return { id: objective.id, number: await add({ title: "A number", startValue: "10", targetValue: "50", unit: "names" }), step: await add({ title: "A step", kind: "KEY_RESULT_KIND_MILESTONE" }) };
}

for (const [width, size, dark] of [["phone", phone, true], ["desk", desk, false]]) {
  visit(`a value is shown at once, and taken back where the server refuses it (${width})`, async (open, { ada: client }) => {
    const { id } = await fill(client);
    const v = await open({ person: max, size, dark });
    v.tolerate(/503/);
    const { page } = v;
    await v.go("/");
    const card = v.card("Before");
    const row = (title) => card.getByRole("listitem").filter({ has: page.getByRole("heading", { name: title }) });
    let { go } = await hold(v, refused);
    await card.getByLabel("Value of “A number”").fill("20");
    await page.keyboard.press("Enter");
    await row("A number").getByText("20, from 10 to 50 names").waitFor();
    await card.locator(".figure", { hasText: "15" }).waitFor();
    await v.until(async () => assert.equal(await row("A number").getByRole("progressbar").getAttribute("value"), "25"));
    await page.getByRole("checkbox", { name: "“A step” is done" }).click();
    await row("A step").getByText("Reached").waitFor();
    await v.accessible(`not said yet (${width})`);
    await v.picture(`optimism-${width}`, { fullPage: true });
    go();
    await row("A number").getByText(full).waitFor();
    await row("A step").getByText(full).waitFor();
    await row("A number").getByText("10, from 10 to 50 names").waitFor();
    await row("A step").getByText("Not done").waitFor();
    await v.until(async () => assert.equal(await page.getByRole("checkbox", { name: "“A step” is done" }).isChecked(), false));
    await card.locator(".figure", { hasText: /^7/ }).waitFor();
    assert.equal(await card.getByLabel("Value of “A number”").inputValue(), "20", "what was typed is there to be sent again");
    await v.accessible(`taken back (${width})`);
    await v.fits(`taken back (${width})`);
    await v.picture(`taken-back-${width}`, { fullPage: true });

    await page.unroute(writes);
    ({ go } = await hold(v));
    await row("A number").getByRole("button", { name: "Set “A number”" }).click();
    await row("A number").getByText("20, from 10 to 50 names").waitFor();
    await card.getByLabel("Value of “A number”").fill("25"); // while the other is on its way
    go();
    await v.hears(/“A number” is at 20.names/);
    assert.equal(await card.getByLabel("Value of “A number”").inputValue(), "25");
    assert.equal(await card.getByRole("button", { name: "Use mine" }).count(), 0);
    await card.getByLabel("Value of “A number”").press("Enter");
    await v.hears(/“A number” is at 25.names/);
    const now = await client.call("GET", `objectives/${id}`);
    assert.deepEqual(now.keyResults.map((kr) => kr.currentValue), ["20", "25", "0"]);
  });

  visit(`a text is shown at once, and the form is back where the server refuses it (${width})`, async (open, { ada: client }) => {
    const { id } = await fill(client);
    const v = await open({ person: ada, size, dark });
    v.tolerate(/503/);
    const { page } = v;
    await v.go("/");
    let { go } = await hold(v, refused);
    await v.card("Before").getByRole("button", { name: "Edit “Before”" }).click();
    await page.keyboard.type(" and after");
    await v.card("Before").getByLabel("Why it matters").fill("Because.");
    await page.getByLabel("Text of the objective").press("Enter");
    const card = v.card("Before and after");
    await card.getByRole("heading", { name: "Before and after" }).waitFor();
    assert.equal(await page.getByLabel("Text of the objective").count(), 0);
    await card.getByText("Because.").waitFor();
    await v.focuses(/^Edit “Before and after”$/);
    await v.accessible(`a text that is not said yet (${width})`);
    go();
    const back = v.card("Before");
    await back.getByText(full).waitFor();
    await v.focuses(/^Text of the objective$/);
    assert.equal(await back.getByLabel("Text of the objective").inputValue(), "Before and after");
    assert.equal(await back.getByLabel("Why it matters").inputValue(), "Because.");
    await v.accessible(`a text that was refused (${width})`);
    await v.fits(`a text that was refused (${width})`);
    await v.picture(`text-taken-back-${width}`, { fullPage: true });

    await page.unroute(writes);
    ({ go } = await hold(v));
    await back.getByRole("button", { name: "Save" }).click();
    await v.focuses(/^Edit “Before and after”$/);
    await card.getByRole("button", { name: /^Add key result to/ }).focus(); // and on to something else
    go();
    await v.hears(/Saved/);
    await v.focuses(/^Add key result to/);
    assert.equal((await client.call("GET", `objectives/${id}`)).title, "Before and after");
  });
}

visit("what is typed while something is being added is there for the next one, and a form that was closed meanwhile stays closed", async (open, { ada: client }) => {
  await client.objective("Keep up");
  const v = await open({ person: ada });
  const { page } = v;
  const { keyboard } = page;
  await v.go("/");
  const card = v.card("Keep up");
  let { go, reached } = await hold(v);
  await card.getByRole("button", { name: /^Add key result to/ }).click();
  const field = card.getByLabel("How will you know?");
  await field.fill("One");
  await keyboard.press("Enter");
  await reached;
  await keyboard.type("Two");
  go();
  await card.getByRole("heading", { name: "One", exact: true }).waitFor();
  await v.until(async () => assert.equal(await field.inputValue(), "Two"));
  await page.unroute(writes);
  ({ go, reached } = await hold(v));
  await keyboard.press("Enter");
  await reached;
  await card.getByRole("button", { name: "Cancel" }).click();
  go();
  await card.getByRole("heading", { name: "Two", exact: true }).waitFor();
  await v.hears(/Key result added/);
  await v.hears(/Key result added/);
  assert.equal(await field.count(), 0);

  let answer;
  const told = new Promise((resolve) => { answer = resolve; });
  await page.route("**/api/v1/objectives?requestId=*", async (route) => {
    await told;
    await route.continue();
  });
  await v.button("New objective").click();
  const text = page.getByLabel("What do you want to achieve?");
  await text.fill("Three");
  await keyboard.press("Enter");
  await text.pressSequentially("Four");
  answer();
  await v.card("Three").waitFor();
  await v.until(async () => assert.equal(await text.inputValue(), "Four"));
});

visit("a check-in with everything is shown at once; cut off, it is back in the form, through a reload too, and made once", async (open, { ada: client }) => {
  const { number } = await fill(client);
  const v = await open({ person: emma });
  v.tolerate(/Failed to load resource|ERR_/);
  const { page } = v;
  await v.go("/");
  const row = page.locator(`#${number.id}`);
  const form = page.getByRole("form", { name: "Check in on “A number”" });
  const { go, reached } = await hold(v, (route) => route.abort("connectionreset"));
  await v.button("Check in on “A number”").click();
  await form.getByLabel("Value now").fill("30");
  await form.getByLabel("At risk").check();
  await form.getByLabel("What happened").fill("Typed once.");
  await form.getByRole("button", { name: "Check in" }).click();
  await row.getByText("30, from 10 to 50 names").waitFor();
  await row.locator(".status", { hasText: "At risk" }).waitFor();
  assert.equal(await form.count(), 0);
  await v.focuses(/^Check in on “A number”$/);
  await reached;
  go();
  await form.getByText(silent).waitFor();
  await row.getByText("10, from 10 to 50 names").waitFor();
  await row.locator(".status").waitFor({ state: "detached" });
  await v.focuses(/^Value now$/);
  assert.equal(await form.getByLabel("Value now").inputValue(), "30");
  assert.equal(await form.getByLabel("What happened").inputValue(), "Typed once.");

  await page.unroute(writes);
  let over;
  const made = new Promise((resolve) => { over = resolve; });
  const second = await hold(v, async (route) => {
    await route.fetch(); // made, and unheard
    await route.abort("connectionreset").catch(() => {}); // the page that asked is gone
    over();
  });
  await form.getByRole("button", { name: "Check in" }).click();
  await second.reached;
  await page.reload(); // before the answer
  await form.waitFor();
  assert.equal(await form.getByLabel("What happened").inputValue(), "Typed once.");
  second.go();
  await made;
  await page.unroute(writes);
  await form.getByRole("button", { name: "Check in" }).click();
  await v.hears(/Checked in on “A number”/);
  const { checkIns } = await client.call("GET", `keyResults/${number.id}/checkIns`);
  assert.deepEqual(checkIns.map((c) => [c.value, c.note]), [["30", "Typed once."]]);
});

visit("somebody else is faster while a write is on its way: both are shown, and one is chosen", async (open, { ada: client }) => {
  const { id, number } = await fill(client);
  const v = await open({ person: ada });
  v.tolerate(/412 \(Precondition Failed\)/);
  const { page } = v;
  await v.go("/");
  const card = page.locator(`#${id}`);
  const { go } = await hold(v);
  await card.getByLabel("Value of “A number”").fill("20");
  await page.keyboard.press("Enter");
  await card.getByText("20, from 10 to 50 names").waitFor();
  await card.getByRole("button", { name: "Edit “Before”" }).click();
  await page.keyboard.type(" of mine");
  await page.keyboard.press("Enter");
  await card.getByRole("heading", { name: "Before of mine" }).waitFor();
  await client.call("POST", `keyResults/${number.id}/checkIns`, { value: "40" });
  await client.call("PATCH", `objectives/${id}`, { title: "After" });
  await page.waitForFunction((kr) => document.querySelector(`#${kr} progress`).value === 75, number.id); // what is known goes before what is hoped for
  go();
  await card.getByText("40 names", { exact: true }).waitFor();
  await card.getByText("20 names", { exact: true }).waitFor();
  await card.getByText("“After”").waitFor();
  await card.getByText("“Before of mine”").waitFor();
  await v.accessible("two of each");
  await v.picture("two-of-each", { fullPage: true });
  await page.unroute(writes);
  const mine = card.getByRole("button", { name: "Use mine" });
  await mine.nth(1).waitFor();
  await mine.nth(1).click();
  await v.hears(/“A number” is at 20.names/);
  await mine.click();
  await v.hears(/Saved/);
  const now = await client.call("GET", `objectives/${id}`);
  assert.deepEqual([now.title, now.keyResults.find((kr) => kr.id === number.id).currentValue], ["Before of mine", "20"]);
});

visit("something is deleted while its text is on its way: what was typed is shown until that is settled", async (open, { ada: client }) => {
  const { id } = await fill(client);
  const v = await open({ person: ada });
  v.tolerate(/404/);
  await v.go("/");
  const { go } = await hold(v);
  await v.button("Edit “A share”").click();
  await v.page.keyboard.type(" of nothing");
  await v.page.keyboard.press("Enter");
  await v.page.getByRole("heading", { name: "A share of nothing" }).waitFor();
  const { keyResults } = await client.call("GET", `objectives/${id}`);
  const other = await open({ person: max });
  await other.client.call("DELETE", `keyResults/${keyResults[0].id}`);
  await v.page.getByText("Max Moreau deleted this while you were at it").waitFor();
  go();
  await v.page.getByRole("blockquote").filter({ hasText: "A share of nothing" }).waitFor();
  await v.accessible("deleted while it was sent");
  await v.button("Dismiss").click();
  await v.page.getByRole("heading", { name: "A share" }).waitFor({ state: "detached" });
});
