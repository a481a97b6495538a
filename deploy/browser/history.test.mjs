// What was changed by whom: the history of one objective or key result, and the organization's activity.

import assert from "node:assert/strict";
import { plot } from "../../gateway/rest/web/assets/history/plot.js";
import { ada, Client, emma, max, someId } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

/** Changes of one objective. The log has those of the tests before, too, so that its name and the agent's are its own. */
async function fill({ ada: client, system }, name) {
  const { id } = await client.call("POST", "objectives", { title: "Remember", cycle: "2027-Q1" });
  const kr = await client.call("POST", `objectives/${id}/keyResults`, { title: `${name} kept`, targetValue: "50", unit: "names" });
  await client.call("PATCH", `objectives/${id}`, { ownerId: max.id });
  const agent = await Client.agent(system, max, `Planner of ${name}`, ["read:okrs", "manage:krs"]);
  await agent.call("POST", `keyResults/${kr.id}/checkIns`, {
    value: "12", confidence: "CONFIDENCE_OFF_TRACK", note: "<b>Bold</b> claim.", evidence: [{ url: "https://example.com/names", observedValue: "12" }],
  });
  const employee = await Client.signIn(system, emma);
  await employee.call("POST", `keyResults/${kr.id}/checkIns`, { value: "15" });
  return { id, kr };
}

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`the history of a key result and of its objective (${width})`, async (open, world) => {
    await fill(world, "Names");
    const v = await open({ person: emma, size });
    const { page } = v;
    await v.go("/");
    await v.button("History of “Names kept”").click();
    const dialog = page.getByRole("dialog", { name: "History of “Names kept”" });
    const [newest, byAgent, first] = [0, 1, 2].map((n) => dialog.locator(".changes > li").nth(n));
    await first.waitFor();
    await v.focuses(/^History of “Names kept”$/);
    await newest.getByText("Emma Eriksen").waitFor();
    const says = (entry, pattern) => v.until(async () => assert.match(await entry.innerText(), pattern));
    await says(newest, /checked in\s.*in the web app or over REST\s+Value\s+12.names.*15.names/s);
    await says(byAgent, /Max Moreau checked in\s.*via Planner of Names\s+Value\s+0.names.*12.names\s+How it looks\s+Off track\s+<b>Bold<\/b> claim\.\s+https:\/\/example\.com\/names shows 12/s);
    assert.match(await byAgent.getByRole("link").getAttribute("rel"), /noopener noreferrer/);
    await says(first, /Ada Albright added\s.*From\s+0.names\s+To\s+50.names/s);
    await v.accessible(`the history of a key result (${width})`);
    await v.fits(`the history of a key result (${width})`);
    await v.picture(`history-${width}`);
    await page.keyboard.press("Escape");
    await v.focuses(/^History of “Names kept”$/);
    await v.button("History of “Remember”").click();
    const whole = page.getByRole("dialog", { name: "History of “Remember”" });
    await whole.getByText("changed", { exact: false }).first().waitFor();
    await v.until(async () => assert.equal(await whole.locator(".changes > li").count(), 5));
    await whole.locator("li", { hasText: "Owner" }).getByText("Max Moreau").waitFor();
    await whole.getByRole("button", { name: "Close" }).click();
    await v.focuses(/^History of “Remember”$/);
  });

  visit(`the activity of the organization, with filters in the address (${width})`, async (open, world) => {
    const title = `Stars ${width}`;
    await fill(world, title);
    const v = await open({ person: emma, size });
    const { page } = v;
    await v.go("/activity");
    const entries = page.locator(".changes > li");
    const shows = (...people) => page.waitForFunction(([wanted, mine]) => {
      const shown = [...document.querySelectorAll(".changes > li")].map((li) => li.innerText).filter((text) => text.includes(mine));
      return shown.length === wanted.length && shown.every((text, i) => text.startsWith(wanted[i]));
    }, [people, `“${title} kept”`]);
    await shows("Emma Eriksen", "Max Moreau", "Ada Albright");
    const filters = page.getByRole("search", { name: "Which changes" });
    await filters.getByLabel("Through").selectOption({ label: `Planner of ${title}` });
    await shows("Max Moreau");
    await v.until(async () => assert.equal(await entries.count(), 1));
    await filters.getByLabel("Through").selectOption({ label: "The web app or REST" });
    await filters.getByLabel("Who").selectOption("me");
    await shows("Emma Eriksen");
    assert.equal(new URL(page.url()).search, "?member=me&through=rest");
    await filters.getByLabel("What").selectOption({ label: "Objective added" });
    await page.getByText("Nothing fits.").waitFor();
    await page.reload();
    await page.getByText("Nothing fits.").waitFor();
    await filters.getByRole("button", { name: "Show all" }).click();
    await filters.getByLabel("Until").fill("2020-01-01");
    await page.getByText("Nothing fits.").waitFor();
    await filters.getByLabel("From").fill("2020-02-01");
    await filters.getByText("This is before the first day.").waitFor();
    await filters.getByLabel("Until").fill("");
    await entries.nth(4).waitFor();
    await v.accessible(`activity (${width})`);
    await v.fits(`activity (${width})`);
    await v.picture(`activity-${width}`, { fullPage: true });
  });
}

visit("a long history comes in pages", async (open, { ada: client }) => {
  const { id, keyResults: [kr] } = await client.objective("Often", { "Again and again": 0 });
  for (let i = 1; i <= 40; i += 1) await client.call("POST", `keyResults/${kr.id}:setAttainment`, { attainment: i });
  const v = await open({ person: ada });
  await v.go(`/#${id}`);
  await v.button("History of “Again and again”").click();
  const dialog = v.page.getByRole("dialog");
  await dialog.getByText("39 %").first().waitFor();
  await v.until(async () => assert.equal(await dialog.locator(".changes > li").count(), 30));
  await dialog.getByRole("button", { name: "Show older changes" }).click();
  await v.page.waitForFunction(() => document.querySelectorAll(".changes > li").length === 41);
  await dialog.getByRole("button", { name: "Show older changes" }).waitFor({ state: "detached" });
});

const day = (n) => new Date(Date.now() + n * 24 * 60 * 60 * 1000).toISOString();

/** A key result that is halfway through its time, with check-ins of the last weeks. */
async function measured(client, title, count = 4) {
  const id = someId("okr");
  const kr = someId("kr");
  const values = ["4", "9.5", "8", "14"];
  const checkIns = Array.from({ length: count }, (_, i) => ({ id: someId("chk"), value: values[i] ?? String(14 + (i % 7)), createTime: day(-46 + 44 * i / count) }));
  await client.import([{
    objective: { id, title: "Grow", startDate: day(-49).slice(0, 10), dueDate: day(50).slice(0, 10), createTime: day(-50) },
    keyResults: [{ keyResult: { id: kr, title, startValue: "0", targetValue: "40", unit: "teams", createTime: day(-50) }, checkIns }],
  }]);
  return { id, kr };
}

for (const [width, size, dark] of [["phone", phone, false], ["phone-dark", phone, true], ["desk", desk, false], ["desk-dark", desk, true]]) {
  visit(`the check-ins of a key result as a chart and as a table (${width})`, async (open, { ada: client, system }) => {
    const { kr } = await measured(client, "Teams that plan");
    const agent = await Client.agent(system, max, "Counter of teams", ["read:okrs", "manage:krs"]);
    await agent.call("POST", `keyResults/${kr}/checkIns`, { value: "17", confidence: "CONFIDENCE_AT_RISK" });
    const manager = await Client.signIn(system, max);
    const [reported] = (await client.call("GET", `keyResults/${kr}/checkIns`)).checkIns;
    await manager.call("POST", `keyResults/${kr}/checkIns/${reported.id}:confirm`, {});
    await agent.call("POST", `keyResults/${kr}/checkIns`, { value: "39" });
    const [typo] = (await client.call("GET", `changes?keyResultId=${kr}&orderBy=seq%20desc`)).changes;
    await manager.call("POST", `changes/${typo.seq}:undo`, {});
    await agent.call("POST", `keyResults/${kr}/checkIns`, { value: "19" });

    const v = await open({ person: emma, size, dark });
    const { page } = v;
    let arrive;
    const late = new Promise((resolve) => { arrive = resolve; });
    await page.route("**/checkIns?*", async (route) => {
      await late;
      await route.continue();
    });
    await v.go("/");
    await v.button("History of “Teams that plan”").click();
    const dialog = page.getByRole("dialog");
    await dialog.locator(".changes > li").first().waitFor();
    await dialog.getByText("The same as a table").waitFor();
    await page.evaluate(() => document.fonts.ready);
    const top = () => dialog.locator(".changes").evaluate((list) => list.getBoundingClientRect().top);
    const before = await top();
    arrive();
    const chart = dialog.getByRole("img");
    await chart.waitFor();
    assert.equal(await top(), before, "what is below stays where it is when the chart comes");
    const said = await chart.getAttribute("aria-label");
    assert.match(said, /^How “Teams that plan” went: 8 check-ins, from 0.teams \(.+\) to 19.teams \(.+\)\. The target is 40.teams\. 48.% of the way are achieved, 50.% are expected by today\.$/);
    assert.equal(await chart.locator(".mark-at").count(), 8);
    assert.equal(await chart.locator(".mark-at.agent").count(), 3);
    assert.equal(await chart.locator(".hole").count(), 2, "what was never confirmed, and what waits for it");
    await v.accessible(`a chart (${width})`);
    await v.picture(`chart-${width}`);

    await dialog.getByText("The same as a table").click();
    const rows = dialog.getByRole("row");
    await rows.nth(8).waitFor();
    const row = (n, pattern, what) => v.until(async () => assert.match((await rows.nth(n).innerText()).replaceAll(/\s+/g, " "), pattern, what));
    await row(0, /^When Value Achieved Expected by then Who, and through what$/);
    await row(1, /19 teams before: 17 teams 48 % 50 % Max Moreau via Counter of teams not confirmed yet$/);
    await row(2, /17 teams before: 39 teams At risk 43 % 50 % Max Moreau in the web app or over REST undoes the check-in of .*\d [AP]M$/);
    await row(3, /39 teams before: 17 teams 98 % 50 % Max Moreau via Counter of teams undone by Max Moreau, .*\d [AP]M was never confirmed$/);
    await row(4, /17 teams before: 14 teams At risk 43 % 50 % Max Moreau via Counter of teams confirmed by Max Moreau, .*\d [AP]M$/);
    await row(8, /4 teams before: 0 teams 10 % 4 % Ada Albright in the web app or over REST$/);
    const table = dialog.getByRole("region", { name: "Check-ins of “Teams that plan”" });
    await table.focus();
    await v.accessible(`check-ins as a table (${width})`);
    await v.fits(`check-ins as a table (${width})`);
    await v.picture(`chart-table-${width}`);

    await manager.call("POST", `keyResults/${kr}/checkIns`, { value: "20" });
    await rows.nth(9).waitFor();
    await row(1, /20 teams before: 19 teams/, "it follows what happens meanwhile");
    await row(2, /was never confirmed$/);
  });
}

visit("of very many check-ins the latest are shown, and how many there are; a reading that fails is tried again", async (open, { ada: client }) => {
  const { kr } = await measured(client, "Every hour", 1001);
  const v = await open({ person: max });
  v.tolerate(/503/);
  await v.page.route(`**/keyResults/${kr}/checkIns?*`, (route) => route.fulfill({ status: 503, json: {} }), { times: 1 });
  await v.go("/");
  await v.button("History of “Every hour”").click();
  const dialog = v.page.getByRole("dialog");
  await dialog.getByText("The service is not available right now.").waitFor();
  await dialog.getByRole("button", { name: "Try again" }).click();
  await dialog.getByRole("img").waitFor();
  assert.equal(await dialog.locator(".mark-at.small").count(), 1000);
  await v.picture("chart-many");
  await dialog.getByText("The latest 1,000 as a table").click();
  await dialog.getByText("There are 1,001 check-ins. The latest 1,000 are shown here.").waitFor();
  await v.until(async () => assert.equal(await dialog.getByRole("row").count(), 1001));
});

visit("a chart goes from step to step, up and down, with and without a time", async () => {
  const item = { kind: "KEY_RESULT_KIND_METRIC", startValue: "0", targetValue: "100", createTime: "2027-01-01T00:00:00Z", checkInCount: 2 };
  const reports = [{ value: "50", previousValue: "0", createTime: "2027-01-03T00:00:00Z" }, { value: "25", previousValue: "50", createTime: "2027-01-05T00:00:00Z" }];
  const period = { startDate: "2027-01-01", dueDate: "2027-01-10" };
  const up = plot(item, reports, period, Date.parse("2027-01-06"));
  assert.deepEqual([up.steps, up.expected, up.today, up.start, up.target], ["M0 100H20V50H40V75H50", "M0 100L100 0", 50, 100, 0]);
  assert.deepEqual(up.dots, [{ x: 20, y: 50 }, { x: 40, y: 75 }]);
  const over = plot(item, reports, undefined, undefined);
  assert.deepEqual([over.steps, over.expected, over.today], ["M0 100H50V50H100V75H100", undefined, undefined]);
  const down = plot({ ...item, startValue: "100", targetValue: "50" }, reports, period, undefined);
  assert.deepEqual([down.steps, down.expected, down.start, down.target], ["M0 100H20V50H40V75H40", "M0 0L100 50", 0, 50]);
  const milestone = plot({ ...item, kind: "KEY_RESULT_KIND_MILESTONE" }, reports, period, undefined);
  assert.equal(milestone.expected, "M0 100H90V0H100");
  const some = plot({ ...item, checkInCount: 3 }, reports, undefined, undefined);
  assert.equal(some.steps, "M0 100H0V50H100V75H100", "what was before the first of some is not drawn");
  const one = plot(item, [{ ...reports[0], createTime: item.createTime }], undefined, undefined);
  assert.equal(one.steps, "M0 100H0V50H0", "no time has passed");
});
