// Checking in: in place, from the list of what is to be reported on, by keyboard, and when something goes wrong.

import assert from "node:assert/strict";
import { ada, Client, emma, max, someId } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

async function fill(client) {
  const { id } = await client.call("POST", "objectives", { title: "Ship it", ownerId: max.id });
  const add = (fields) => client.call("POST", `objectives/${id}/keyResults`, fields);
  return {
    id, releases: await add({ title: "Releases", targetValue: "12", unit: "releases", ownerId: emma.id }),
    calm: await add({ title: "Calm nights" }), other: await add({ title: "Handbook", kind: "KEY_RESULT_KIND_MILESTONE", ownerId: emma.id }),
  };
}

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`a check-in with everything, in the list of one's own (${width})`, async (open, { ada: client }) => {
    const { releases } = await fill(client);
    const v = await open({ person: emma, size });
    const { page } = v;
    await v.go("/check-ins");
    const list = page.getByRole("list", { name: "My check-ins" });
    await list.getByRole("heading", { name: "Releases" }).waitFor();
    await v.until(async () => assert.deepEqual(await list.getByRole("heading").allInnerTexts(), ["Releases", "Handbook"]));
    await list.getByText("Ship it").first().waitFor();
    await v.accessible(`my check-ins (${width})`);
    await v.button("Check in on “Releases”").click();
    const form = page.getByRole("form", { name: "Check in on “Releases”" });
    await v.focuses(/^Value now$/);
    assert.match(await form.getByRole("button", { name: "Check in" }).getAttribute("data-tip"), /Say something first/);
    await form.getByLabel("Value now").fill("5");
    await form.getByLabel("At risk").check();
    await form.getByLabel("What happened").fill("Two were late.\nThe next one is not.");
    await v.button("Add a link").click();
    await form.getByLabel("Link 1", { exact: true }).fill("javascript:alert(1)");
    await form.getByText("An address that begins with https://").waitFor();
    await form.getByLabel("Link 1", { exact: true }).fill("https://ci.example.com/runs?q=5");
    await form.getByLabel("What link 1 shows").fill("5 green");
    await v.accessible(`a check-in (${width})`);
    await v.fits(`a check-in (${width})`);
    await v.picture(`check-in-${width}`, { fullPage: true });
    await form.getByRole("button", { name: "Check in" }).click();
    await form.waitFor({ state: "detached" });
    await v.focuses(/^Check in on “Releases”$/);
    await v.hears(/Checked in on “Releases”/);
    const row = list.getByRole("listitem").filter({ has: page.getByRole("heading", { name: "Releases" }) });
    await row.getByText("At risk").waitFor();
    await row.getByText("5 of 12 releases").waitFor();
    await row.getByText("checked in just now").waitFor();
    const { checkIns: [made] } = await client.call("GET", `keyResults/${releases.id}/checkIns`);
    assert.deepEqual([made.value, made.confidence, made.note, made.evidence.map((e) => [e.url, e.observedValue]), made.author.displayName],
      ["5", "CONFIDENCE_AT_RISK", "Two were late.\nThe next one is not.", [["https://ci.example.com/runs?q=5", "5 green"]], "Emma Eriksen"]);

    await v.button("Check in on “Handbook”").click();
    const milestone = page.getByRole("form", { name: "Check in on “Handbook”" });
    await milestone.getByLabel("Value now").selectOption({ label: "Done" });
    await milestone.getByRole("button", { name: "Check in" }).click();
    await list.getByRole("checkbox", { name: "“Handbook” is done" }).and(page.locator(":checked")).waitFor();
    await v.hears(/Checked in on “Handbook”/);
    await page.reload();
    await page.getByRole("list", { name: "My check-ins" }).getByRole("heading", { name: "Releases" }).waitFor();
    assert.equal(await page.getByRole("heading", { name: "Handbook" }).count(), 0, "what is reached needs no report");
    await v.fits(`my check-ins (${width})`);
  });
}

/** Counts what somebody does at the page: presses of a pointer and of keys, and what is typed in one go as one. */
const count = (page) => page.evaluate(() => {
  const did = globalThis.did = [];
  addEventListener("pointerdown", () => did.push("press"), true);
  addEventListener("keydown", ({ key, repeat, isTrusted }) => {
    if (!isTrusted || repeat || ["Shift", "Control", "Alt", "Meta"].includes(key)) return;
    const what = /^[\d.,]$/.test(key) ? "value" : key;
    if (what !== "value" || did.at(-1) !== "value") did.push(what);
  }, true);
});

const did = (page) => page.evaluate(() => globalThis.did.splice(0));

visit("a check-in takes two interactions, those first that have waited longest, and Tab leads to the next", async (open, { ada: client }) => {
  const ago = (days) => new Date(Date.now() - days * 24 * 60 * 60 * 1000).toISOString();
  const keyResult = (title, days, fields) => ({
    keyResult: { id: someId("kr"), title, createTime: ago(40), ...fields }, checkIns: [{ id: someId("chk"), value: fields.at, createTime: ago(days) }],
  });
  const number = { targetValue: "900", unit: "names", at: "120" };
  await client.import([
    { objective: { id: someId("okr"), title: "Mine", ownerId: emma.id, createTime: ago(50) },
      keyResults: [keyResult("Fresh", 1, { at: "5" }), keyResult("Stale", 20, number), keyResult("Of Max", 30, { ownerId: max.id, at: "5" })] },
    { objective: { id: someId("okr"), title: "Of Max", ownerId: max.id, createTime: ago(50) },
      keyResults: [keyResult("Staler", 25, { ownerId: emma.id, at: "10" }), keyResult("Done", 22, { kind: "KEY_RESULT_KIND_MILESTONE", ownerId: emma.id, at: "0" })] },
  ].map(({ objective, keyResults }) => ({ objective, keyResults: keyResults.map(({ keyResult: { at, ...rest }, checkIns }) => ({ keyResult: rest, checkIns })) })));
  const v = await open({ person: emma });
  const { page } = v;
  const { keyboard } = page;
  await v.go("/check-ins");
  const list = page.getByRole("list", { name: "My check-ins" });
  await list.getByRole("heading", { name: "Staler" }).waitFor();
  await v.until(async () => assert.deepEqual(await list.getByRole("heading").allInnerTexts(), ["Staler", "Done", "Stale", "Fresh"]));
  await v.picture("check-ins-list");
  const most = 2;
  const took = async (...wanted) => {
    const done = await did(page);
    assert.deepEqual(done, wanted);
    assert.ok(done.length <= most, `${done.length} interactions: ${done}`);
  };

  await count(page);
  await v.focuses(/^Percent achieved of “Staler”$/);
  await keyboard.type("35");
  await keyboard.press("Enter");
  await list.getByText("65 % to go").waitFor();
  await took("value", "Enter");

  await keyboard.press("Tab");
  await v.focuses(/^“Done” is done$/);
  await took("Tab");
  await keyboard.press("Space");
  await list.getByText("Reached").waitFor();
  await took(" ");

  await keyboard.press("Tab");
  await v.focuses(/^Value of “Stale”$/);
  await took("Tab");
  await keyboard.type("450");
  await keyboard.press("Enter");
  await list.getByText("450 of 900 names").waitFor();
  await took("value", "Enter");

  await page.getByLabel("Value of “Stale”").click(); // it has the focus: a click is for the place within
  await keyboard.press("Tab");
  await v.focuses(/^Percent achieved of “Fresh”$/);
  await page.getByLabel("Percent achieved of “Staler”").click(); // and one that enters takes all
  await keyboard.type("40");
  await list.getByText("60 % to go").waitFor({ state: "detached" });
  await keyboard.press("Enter");
  await list.getByText("60 % to go").waitFor();

  await page.getByLabel("Percent achieved of “Fresh”").focus();
  await keyboard.press("Shift+Tab");
  await v.focuses(/^Delete “Stale”$/); // back leads through everything
  for (const name of [/^Edit “Stale”$/, /^History of “Stale”$/, /^Check in on “Stale”$/, /^Value of “Stale”$/]) {
    await keyboard.press("Shift+Tab");
    await v.focuses(name);
  }
  await keyboard.type("many");
  await keyboard.press("Enter");
  await keyboard.press("Tab");
  await v.focuses(/^Set “Stale”$/); // what has to be settled is not left behind
  await page.getByLabel("Percent achieved of “Fresh”").focus();
  await keyboard.press("Tab");
  await v.focuses(/^Check in on “Fresh”$/); // and the last leads on
  await v.until(async () => {
    const { objectives } = await client.call("GET", "objectives");
    assert.deepEqual(objectives.flatMap((o) => o.keyResults.map((kr) => [kr.title, kr.currentValue])),
      [["Fresh", "5"], ["Stale", "450"], ["Of Max", "5"], ["Staler", "40"], ["Done", "100"]]);
  });
});

visit("a percentage takes a number and Enter; a confidence alone is a check-in, too; nothing to do is said", async (open, { ada: client }) => {
  const { calm } = await fill(client);
  const v = await open({ person: max });
  const { keyboard } = v.page;
  await v.go("/check-ins");
  await v.page.getByRole("heading", { name: "Calm nights" }).waitFor();
  await v.page.getByLabel("Percent achieved of “Calm nights”").click();
  await keyboard.press("ControlOrMeta+a");
  await keyboard.type("30");
  await keyboard.press("Enter");
  await v.page.getByText("70 % to go").waitFor();
  await v.button("Check in on “Calm nights”").focus();
  await keyboard.press("Enter");
  await v.focuses(/^Value now$/);
  await keyboard.press("Escape");
  await v.focuses(/^Check in on “Calm nights”$/);
  await keyboard.press("Enter");
  await v.focuses(/^Value now$/);
  await keyboard.press("Tab");
  await keyboard.press("ArrowDown");
  await keyboard.press("Tab");
  await v.focuses(/^What happened$/);
  await keyboard.type("Quiet.");
  await keyboard.press("ControlOrMeta+Enter");
  await v.page.locator(".status", { hasText: "On track" }).waitFor();
  await v.hears(/Checked in on “Calm nights”/);
  const { checkIns: [last] } = await client.call("GET", `keyResults/${calm.id}/checkIns`);
  assert.deepEqual([last.value, last.previousValue, last.confidence, last.note], ["30", "30", "CONFIDENCE_ON_TRACK", "Quiet."]);
  const w = await open({ person: ada });
  await w.go("/check-ins");
  await w.page.getByText("Nothing to report on").waitFor();
  await w.accessible("nothing to report on");
});

visit("an agent is faster: both values are shown, and one is chosen; what was typed besides is kept", async (open, { ada: client, system }) => {
  const { releases } = await fill(client);
  const v = await open({ person: emma });
  v.tolerate(/412 \(Precondition Failed\)/);
  await v.go("/");
  await v.button("Check in on “Releases”").click();
  const form = v.page.getByRole("form", { name: "Check in on “Releases”" });
  await form.getByLabel("Value now").fill("4");
  await form.getByLabel("What happened").fill("Counted by hand.");
  const agent = await Client.agent(system, max, "Counter", ["read:okrs", "manage:krs"]);
  await agent.call("POST", `keyResults/${releases.id}/checkIns`, { value: "6" });
  await form.getByText("6 releases", { exact: true }).waitFor();
  await form.getByText("4 releases", { exact: true }).waitFor();
  await v.accessible("two check-ins");
  await form.getByRole("button", { name: "Leave it as it is now" }).click();
  await v.until(async () => assert.equal(await form.getByLabel("Value now").inputValue(), "6"));
  assert.equal(await form.getByLabel("What happened").inputValue(), "Counted by hand.");
  await form.getByRole("button", { name: "Check in" }).click();
  await v.hears(/Checked in on “Releases”/);
  const { checkIns } = await client.call("GET", `keyResults/${releases.id}/checkIns`);
  assert.deepEqual(checkIns.map((c) => [c.value, c.note]), [["6", "Counted by hand."], ["6", ""]]);
});

visit("an answer that is lost: the check-in is kept in the form, and made once", async (open, { ada: client }) => {
  const { releases } = await fill(client);
  const v = await open({ person: emma });
  v.tolerate(/Failed to load resource|ERR_/);
  await v.go("/");
  await v.button("Check in on “Releases”").click();
  const form = v.page.getByRole("form", { name: "Check in on “Releases”" });
  await form.getByLabel("Value now").fill("7");
  await form.getByLabel("What happened").fill("Typed once.");
  let lost = 0;
  await v.page.route("**/checkIns?requestId=*", async (route) => {
    if (lost > 0) return route.continue();
    lost += 1;
    await route.fetch();
    return route.abort("connectionreset");
  });
  await form.getByRole("button", { name: "Check in" }).click();
  await form.getByText("The server did not answer. What you typed is kept.").waitFor();
  await v.page.reload();
  await v.until(async () => assert.equal(await form.getByLabel("What happened").inputValue(), "Typed once.", "it survives a reload"));
  await form.getByRole("button", { name: "Check in" }).click();
  await v.hears(/Checked in on “Releases”/);
  const { checkIns } = await client.call("GET", `keyResults/${releases.id}/checkIns`);
  assert.deepEqual(checkIns.map((c) => c.note), ["Typed once."]);
});

visit("what nobody has reported on for two weeks says so in place of what was thought of it", async (open, { ada: client }) => {
  const { releases } = await fill(client);
  await client.call("POST", `keyResults/${releases.id}/checkIns`, { confidence: "CONFIDENCE_ON_TRACK" });
  const v = await open({ person: emma });
  await v.page.clock.setFixedTime(Date.now() + 15 * 24 * 60 * 60 * 1000);
  await v.go("/");
  await v.card("Ship it").getByText("No check-in for two weeks").first().waitFor();
  assert.equal(await v.page.locator(".status", { hasText: "On track" }).count(), 0);
  await v.accessible("stale");
});
