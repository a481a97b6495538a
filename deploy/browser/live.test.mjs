// What others do appears on the open page by itself.

import assert from "node:assert/strict";
import { ada, Client, emma, max, someId } from "./people.mjs";
import { visit } from "./main.mjs";

visit("another session's and an agent's writes appear without a reload, and are announced", async (open, { ada: client, system }) => {
  const v = await open({ person: emma, calm: false });
  await v.go("/");
  await v.page.getByText("No objectives yet").waitFor();
  await v.page.evaluate(() => { globalThis.sameDocument = true; });

  const objective = await client.objective("Grow calmly");
  const card = v.card("Grow calmly");
  await card.waitFor();
  await v.hears(/Ada Albright added the objective “Grow calmly”/);

  const agent = await Client.agent(system, max, "Planner", ["read:okrs", "manage:krs"]);
  const kr = await agent.call("POST", `objectives/${objective.id}/keyResults`, { title: "Ten new teams" });
  await card.getByRole("heading", { name: "Ten new teams" }).waitFor();
  await v.hears(/Max Moreau via Planner added the key result “Ten new teams”/);
  await card.getByText("Max Moreau via Planner", { exact: true }).waitFor();
  await agent.call("POST", `keyResults/${kr.id}:setAttainment`, { attainment: 30 });
  await card.locator(".figure", { hasText: "30" }).waitFor();
  await v.page.getByText("1 objective · 1 key result · 30 % on average").waitFor();
  await client.call("PATCH", `objectives/${objective.id}`, { title: "Grow very calmly" });
  const renamed = v.card("Grow very calmly");
  await renamed.getByRole("heading", { name: "Ten new teams" }).waitFor();
  await client.call("DELETE", `keyResults/${kr.id}`);
  await renamed.getByText("nothing says how far this is").waitFor();
  await client.call("DELETE", `objectives/${objective.id}`);
  await v.page.getByText("No objectives yet").waitFor();
  assert.equal(await v.page.evaluate(() => globalThis.sameDocument), true, "the page was not loaded again");
});

visit("many changes at once are announced as one", async (open, { ada: client }) => {
  const v = await open({ person: max });
  await v.go("/");
  await v.page.getByText("No objectives yet").waitFor();
  await client.import(Array.from({ length: 8 }, (_, i) => ({ objective: { id: someId("okr"), title: `Goal ${i}` }, keyResults: [] }))); // in one write
  await v.hears(/^8 changes by others\./);
  await v.until(async () => assert.equal(await v.page.getByRole("article").count(), 8));
});

visit("one's own changes are no news", async (open) => {
  const v = await open({ person: ada });
  const other = await open({ person: ada });
  await v.go("/");
  await other.go("/");
  await other.page.getByText("No objectives yet").waitFor();
  await v.button("New objective").click();
  await v.page.keyboard.type("Mine");
  await v.page.keyboard.press("Enter");
  await other.card("Mine").locator(".by", { hasText: "Ada Albright" }).waitFor();
  await v.card("Mine").waitFor();
  assert.equal(await v.card("Mine").locator(".by").count(), 0);
  assert.equal(await v.card("Mine").count(), 1);
});

visit("what changes while the list is being loaded is not undone by an answer that is older", async (open, { ada: client }) => {
  const make = (title) => client.call("POST", "objectives", { title, ownerId: ada.id });
  const doomed = await make("Goes away");
  const other = await client.objective("Of nobody", { "As it was": 10 });
  await make("Stays");
  const v = await open({ person: ada });
  const { page } = v;
  const list = /\/api\/v1\/objectives\?/;
  await v.go("/");
  await v.card("Of nobody").waitFor();
  await v.button("Filter").click();
  let answer;
  const asked = new Promise((resolve) => {
    page.route(list, async (route) => {
      const response = await route.fetch();
      await new Promise((go) => { answer = go; resolve(); });
      await route.fulfill({ response });
    });
  });
  await page.getByRole("search").getByLabel("Owner").selectOption("me");
  await asked;
  await client.call("PATCH", `objectives/${other.id}`, { title: "Comes in", ownerId: ada.id });
  await client.call("POST", `keyResults/${other.keyResults[0].id}:setAttainment`, { attainment: 60 });
  await client.call("DELETE", `objectives/${doomed.id}`);
  await make("Is new");
  const isSo = async () => {
    await v.card("Comes in").locator(".figure", { hasText: /^60/ }).waitFor();
    await v.card("Is new").waitFor();
    await v.card("Goes away").waitFor({ state: "detached" });
    await v.until(async () => assert.equal(await page.getByRole("article").count(), 3));
  };
  await isSo();
  const taken = page.waitForResponse(list);
  answer();
  await (await taken).finished();
  await page.evaluate(() => new Promise((drawn) => { requestAnimationFrame(() => setTimeout(drawn)); }));
  await isSo();
});

visit("a page whose part that follows changes could not be loaded says that it is not live, and shows them nevertheless", async (open, { ada: client }) => {
  const v = await open({ person: emma });
  v.tolerate(/Failed to load resource|ERR_FAILED/);
  const part = "**/okrs/watch.js";
  await v.page.route(part, (route) => route.abort());
  await v.go("/");
  const notLive = v.page.getByText("Not live: connecting again");
  await notLive.waitFor();
  await v.page.unroute(part);
  await v.page.evaluate(() => {
    globalThis.wentAway = false;
    new MutationObserver(() => { globalThis.wentAway ||= !document.body.innerText.includes("Not live"); })
      .observe(document.body, { childList: true, subtree: true, characterData: true });
  });
  await client.objective("Seen soon");
  await v.card("Seen soon").waitFor();
  assert.equal(await v.page.evaluate(() => globalThis.wentAway), false, "it claimed to be live meanwhile");
  await v.page.reload();
  await v.card("Seen soon").waitFor();
  await notLive.waitFor({ state: "detached" });
  await client.objective("Seen at once");
  await v.card("Seen at once").waitFor();
});
