// What was changed by whom: the history of one objective or key result, and the organization's activity.

import assert from "node:assert/strict";
import { ada, Client, emma, max } from "./people.mjs";
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
    assert.match(await newest.innerText(), /checked in\s.*in the web app or over REST\s+Value\s+12.names.*15.names/s);
    assert.match(await byAgent.innerText(), /Max Moreau checked in\s.*via Planner of Names\s+Value\s+0.names.*12.names\s+How it looks\s+Off track\s+<b>Bold<\/b> claim\.\s+https:\/\/example\.com\/names shows 12/s);
    assert.match(await byAgent.getByRole("link").getAttribute("rel"), /noopener noreferrer/);
    assert.match(await first.innerText(), /Ada Albright added\s.*From\s+0.names\s+To\s+50.names/s);
    await v.accessible(`the history of a key result (${width})`);
    await v.fits(`the history of a key result (${width})`);
    await v.picture(`history-${width}`);
    await page.keyboard.press("Escape");
    await v.focuses(/^History of “Names kept”$/);
    await v.button("History of “Remember”").click();
    const whole = page.getByRole("dialog", { name: "History of “Remember”" });
    await whole.getByText("changed", { exact: false }).first().waitFor();
    assert.equal(await whole.locator(".changes > li").count(), 5);
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
    assert.equal(await entries.count(), 1);
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
  assert.equal(await dialog.locator(".changes > li").count(), 30);
  await dialog.getByRole("button", { name: "Show older changes" }).click();
  await v.page.waitForFunction(() => document.querySelectorAll(".changes > li").length === 41);
  assert.equal(await dialog.getByRole("button", { name: "Show older changes" }).count(), 0);
});
