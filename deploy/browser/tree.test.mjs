// What stands above and below objectives: the page of one of them, and the list as a tree.

import assert from "node:assert/strict";
import { ada, emma } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

/** Makes objectives below each other, the topmost first; answers them by their titles. */
async function grow(client, tree, parentId = "", made = {}) {
  for (const [title, below] of Object.entries(tree)) {
    made[title] = await client.call("POST", "objectives", { title, parentId });
    await grow(client, below, made[title].id, made);
  }
  return made;
}

const company = {
  "Be the first choice in the north": {
    "Answer within a day": { "Hire two more people": {}, "Write down what is asked often": {} },
    "Ship every week": {},
  },
};

/** Gives an objective a key result that has come so far. */
async function measure(client, { id }, attainment) {
  const kr = await client.call("POST", `objectives/${id}/keyResults`, { title: "All of it" });
  await client.call("POST", `keyResults/${kr.id}:setAttainment`, { attainment });
}

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  for (const [role, person] of [["who may change objectives", ada], ["who may read them", emma]]) {
    visit(`the page of an objective shows what is above and below it to those ${role} (${width})`, async (open, { ada: client }) => {
      const made = await grow(client, company);
      await measure(client, made["Hire two more people"], 40);
      const v = await open({ person, size });
      const { page } = v;
      await v.go("/");
      await v.card("Answer within a day").getByRole("link", { name: "Answer within a day", exact: true }).click();
      await v.focuses(/^Objective$/);
      await page.waitForURL(`**/objective?id=${made["Answer within a day"].id}`);
      await page.waitForFunction(() => document.title === "Answer within a day – OKR Manager");
      const main = page.getByRole("navigation", { name: "Main" });
      await v.until(async () => assert.equal(await main.getByRole("link", { name: "Objectives" }).getAttribute("aria-current"), "true"));
      assert.equal(await main.locator("[aria-current]").count(), 1);
      const path = page.getByRole("navigation", { name: "What it contributes to" });
      const leads = (...titles) => v.until(async () => assert.deepEqual(await path.getByRole("listitem").allInnerTexts(), titles));
      await leads("Objectives", "Be the first choice in the north");
      const below = page.getByRole("list", { name: "What contributes to it" });
      await below.getByText("40\u202f%").waitFor();
      await v.until(async () => assert.deepEqual((await below.getByRole("link").allInnerTexts()).sort(), ["Hire two more people", "Write down what is asked often"]));
      assert.equal(await below.getByRole("progressbar", { name: "Progress of “Hire two more people”" }).getAttribute("value"), "40");
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await v.accessible(`the page of an objective (${role}, ${width}, ${colorScheme})`);
        await v.picture(`objective-${width}-${colorScheme}`, { fullPage: true });
      }
      await v.fits(`the page of an objective (${width})`);

      await below.getByRole("link", { name: "Hire two more people" }).press("Enter");
      await v.focuses(/^Objective$/);
      await v.card("Hire two more people").waitFor();
      await page.getByText("No other objective contributes to this one.").waitFor();
      await leads("Objectives", "Be the first choice in the north", "Answer within a day");
      await page.goBack();
      await v.card("Answer within a day").waitFor();
      await path.getByRole("link", { name: "Objectives" }).click();
      await v.card("Ship every week").waitFor();
      await v.until(async () => assert.equal(await main.getByRole("link", { name: "Objectives" }).getAttribute("aria-current"), "page"));
    });
  }
}

visit("ten levels of objectives stand above each other in the page of the lowest one", async (open, { ada: client }) => {
  let below = {};
  for (let level = 10; level > 0; level -= 1) below = { [`Level ${level}, with a text that is as long as those of people are`]: below };
  const made = await grow(client, below);
  const v = await open({ person: ada, size: phone });
  await v.go(`/objective?id=${Object.values(made).at(-1).id}`);
  const path = v.page.getByRole("navigation", { name: "What it contributes to" });
  await path.getByRole("link", { name: /^Level 1,/ }).waitFor();
  await v.until(async () => assert.equal(await path.getByRole("listitem").count(), 10));
  await v.accessible("ten levels");
  await v.fits("ten levels");
  await v.picture("objective-ten-levels");
});

visit("what becomes of the objectives above and below one is seen on its page at once", async (open, { ada: client }) => {
  const made = await grow(client, { Top: { Middle: { Low: {} } }, Elsewhere: { Other: {} } });
  const change = (title, fields) => client.call("PATCH", `objectives/${made[title].id}`, fields);
  const v = await open({ person: emma });
  v.tolerate(/404 \(Not Found\)/);
  const { page } = v;
  await v.go(`/objective?id=${made.Middle.id}`);
  const path = page.getByRole("navigation", { name: "What it contributes to" }).getByRole("listitem");
  const below = page.locator(".tree a");
  const shows = async (wantedPath, wantedBelow) => {
    await page.waitForFunction(([above, under]) => [[".path li", above], [".tree li a:first-child", under]].every(([selector, wanted]) =>
      [...document.querySelectorAll(selector)].map((one) => one.textContent).join() === wanted.join()), [wantedPath, wantedBelow]);
    assert.deepEqual([await path.count(), await below.count()], [wantedPath.length, wantedBelow.length]);
  };
  await shows(["Objectives", "Top"], ["Low"]);
  await change("Top", { title: "Summit" });
  await shows(["Objectives", "Summit"], ["Low"]);
  await change("Other", { parentId: made.Middle.id });
  await shows(["Objectives", "Summit"], ["Other", "Low"]);
  await change("Low", { parentId: made.Top.id });
  await shows(["Objectives", "Summit"], ["Other"]);
  await change("Middle", { parentId: made.Elsewhere.id });
  await shows(["Objectives", "Elsewhere"], ["Other"]);
  await client.call("POST", `objectives/${made.Other.id}:archive`, {});
  await page.getByText("No other objective contributes to this one.").waitFor();
  await client.call("POST", `objectives/${made.Elsewhere.id}:archive`, {});
  await v.card("Middle").getByText("Contributes to “Elsewhere” (archived)").waitFor();
  await client.call("DELETE", `objectives/${made.Elsewhere.id}`);
  await v.card("Middle").getByText("Contributes to an objective that was deleted").waitFor();
  await shows(["Objectives", "An objective that was deleted"], []);
  await v.accessible("below an objective that was deleted");
  await client.call("POST", `objectives/${made.Middle.id}:archive`, {});
  await v.card("Middle").locator(".facts", { hasText: "Archived" }).waitFor();
  await client.call("DELETE", `objectives/${made.Middle.id}`);
  await page.getByText("This objective is not there any more.").waitFor();
});

visit("an address that names no objective says so", async (open) => {
  const v = await open({ person: emma });
  v.tolerate(/404 \(Not Found\)/);
  for (const id of ["okr_0000000000000", "", "a/b"]) {
    await v.go(`/objective?id=${encodeURIComponent(id)}`);
    await v.page.getByText("This objective is not there any more.").waitFor();
  }
  await v.accessible("no objective");
});

visit("a card names what its objective contributes to, also where the filter leaves that out", async (open, { ada: client }) => {
  const made = await grow(client, { "All year": { "This quarter": {} }, Lost: { Left: {} } });
  await client.call("PATCH", `objectives/${made["This quarter"].id}`, { cycle: "2027-Q1" });
  await client.call("PATCH", `objectives/${made.Left.id}`, { cycle: "2027-Q1" });
  await client.call("DELETE", `objectives/${made.Lost.id}`);
  const v = await open({ person: emma, size: phone });
  v.tolerate(/404 \(Not Found\)/);
  await v.go("/?cycle=2027-Q1");
  await v.card("Left").getByText("Contributes to an objective that was deleted").waitFor();
  await v.accessible("parents that are not on the page");
  await v.card("This quarter").getByRole("link", { name: "Contributes to “All year”" }).click();
  await v.card("All year").waitFor();
});

/** The tree as it is shown: a title in a line, set off by two spaces for each level. */
const outline = (v) => v.page.evaluate(() => [...document.querySelectorAll(".tree li:has(> .node)")].map((item) => {
  let level = 0;
  for (let at = item.parentElement; !at.matches(".tree"); at = at.parentElement) level += at.matches("ul") ? 1 : 0;
  return "  ".repeat(level) + item.querySelector(".about > a").textContent;
}).join("\n"));

/** Waits until the tree is so. */
const grown = (v, ...wanted) => v.until(async () => assert.equal(await outline(v), wanted.join("\n")));

const toggle = (v, title) => v.button(`What contributes to “${title}”`);

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  for (const [role, person] of [["who may change objectives", ada], ["who may read them", emma]]) {
    visit(`the list is shown as a tree to those ${role}, by keyboard alone (${width})`, async (open, { ada: client }) => {
      await client.objective("Alone");
      const v = await open({ person, size });
      const { page } = v;
      const { keyboard } = page;
      await v.go("/");
      await v.card("Alone").waitFor();
      assert.equal(await page.getByRole("navigation", { name: "How they are shown" }).count(), 0, "nothing stands below anything");
      const made = await grow(client, company);
      await measure(client, made["Ship every week"], 70);
      const views = page.getByRole("navigation", { name: "How they are shown" });
      await views.getByRole("link", { name: "Tree" }).press("Enter");
      await grown(v, "Be the first choice in the north", "  Ship every week", "  Answer within a day", "Alone");
      assert.equal(new URL(page.url()).search, "?view=tree");
      await v.until(async () => assert.equal(await views.getByRole("link", { name: "Tree" }).getAttribute("aria-current"), "true"));
      await v.focuses(/^Tree$/);
      await keyboard.press("Tab");
      await v.focuses(/^What contributes to “Be the first choice in the north”$/);
      await keyboard.press("Tab");
      await v.focuses(/^Be the first choice in the north$/);
      await keyboard.press("Tab");
      await v.focuses(/^Ship every week$/);
      await keyboard.press("Tab");
      await v.focuses(/^What contributes to “Answer within a day”$/);
      assert.equal(await toggle(v, "Answer within a day").getAttribute("aria-expanded"), "false");
      await keyboard.press("Enter");
      await page.getByRole("list", { name: "What contributes to “Answer within a day”" }).waitFor();
      await grown(v, "Be the first choice in the north", "  Ship every week", "  Answer within a day", "    Write down what is asked often",
        "    Hire two more people", "Alone");
      await v.focuses(/^What contributes to “Answer within a day”$/);
      await page.locator(".tree").getByText("70\u202f%").waitFor();
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await v.accessible(`the tree (${role}, ${width}, ${colorScheme})`);
        await v.picture(`tree-${width}-${colorScheme}`, { fullPage: true });
      }
      await v.fits(`the tree (${width})`);
      await v.hasShortcuts();
      await keyboard.press("j");
      await v.focuses(/^Write down what is asked often$/);
      await keyboard.press("k");
      await v.focuses(/^Answer within a day$/);

      await toggle(v, "Be the first choice in the north").press("Space");
      await grown(v, "Be the first choice in the north", "Alone");
      await page.reload();
      await grown(v, "Be the first choice in the north", "Alone");
      await toggle(v, "Be the first choice in the north").press("Enter");
      await grown(v, "Be the first choice in the north", "  Ship every week", "  Answer within a day", "    Write down what is asked often",
        "    Hire two more people", "Alone");
      await page.getByRole("link", { name: "Ship every week" }).press("Enter");
      await v.card("Ship every week").waitFor();
      await page.goBack();
      await v.focuses(/^Objectives$/); // the heading: a key that is pressed before is pressed on nothing
      await views.getByRole("link", { name: "List" }).press("Enter");
      await v.card("Ship every week").waitFor();
      assert.equal(new URL(page.url()).search, "");
    });
  }
}

visit("the tree keeps the filter, and names the parents that the filter leaves out", async (open, { ada: client }) => {
  const made = await grow(client, company);
  for (const title of ["Answer within a day", "Hire two more people"]) await client.call("PATCH", `objectives/${made[title].id}`, { cycle: "2027-Q1" });
  const v = await open({ person: emma, size: phone });
  await v.go("/?cycle=2027-Q1&view=tree");
  await grown(v, "Answer within a day", "  Hire two more people");
  await v.page.getByRole("link", { name: "Contributes to “Be the first choice in the north”" }).waitFor();
  await v.accessible("a part of the tree");
  await v.page.getByRole("search").getByLabel("Words").fill("hire");
  await grown(v, "Hire two more people");
  await v.page.getByRole("link", { name: "Contributes to “Answer within a day”" }).waitFor();
  assert.equal(new URL(v.page.url()).search, "?cycle=2027-Q1&text=hire&view=tree");
  await v.page.getByRole("search").getByRole("button", { name: "Show all" }).click();
  await grown(v, "Be the first choice in the north", "  Ship every week", "  Answer within a day");
  assert.equal(new URL(v.page.url()).search, "?view=tree");
  await v.page.getByRole("search").getByLabel("Words").fill("nowhere");
  await v.page.getByText("Nothing fits this filter").waitFor();
  await v.page.getByRole("link", { name: "List", exact: true }).waitFor();
});

visit("the tree follows what others make of it", async (open, { ada: client }) => {
  const made = await grow(client, { North: { Harbour: {} }, South: {} });
  const change = (title, fields) => client.call("PATCH", `objectives/${made[title].id}`, fields);
  const v = await open({ person: emma });
  v.tolerate(/404 \(Not Found\)/);
  await v.go("/?view=tree");
  await grown(v, "South", "North", "  Harbour");
  await change("Harbour", { parentId: made.South.id });
  await grown(v, "South", "  Harbour", "North");
  await change("South", { parentId: made.North.id });
  await toggle(v, "South").click();
  await grown(v, "North", "  South", "    Harbour");
  await client.call("POST", `objectives/${made.South.id}:archive`, {});
  await grown(v, "Harbour", "North");
  await v.page.getByRole("link", { name: "Contributes to “South” (archived)" }).waitFor();
  await client.call("POST", `objectives/${made.South.id}:restore`, {});
  await grown(v, "North", "  South", "    Harbour");
  await client.call("DELETE", `objectives/${made.South.id}`);
  await grown(v, "Harbour", "North");
  await v.page.getByText("Contributes to an objective that was deleted").waitFor();
  await v.accessible("an orphan in the tree");
  await change("Harbour", { parentId: "" });
  await v.page.getByText("Contributes to an objective that was deleted").waitFor({ state: "detached" });
  await grown(v, "Harbour", "North");
});

visit("an objective that is added appears in its place in the tree, and has the focus", async (open, { ada: client }) => {
  await grow(client, { North: { Harbour: {} } });
  const v = await open({ person: ada });
  await v.go("/?view=tree");
  await v.button("New objective").click();
  await v.page.keyboard.type("Quay");
  await v.button("More fields").click();
  await v.page.getByRole("combobox", { name: "Contributes to" }).fill("North");
  await v.page.getByRole("option", { name: "North" }).click();
  await v.button("Add objective").click();
  await grown(v, "North", "  Quay", "  Harbour");
  await v.focuses(/^Quay$/);
});

visit("many objectives are shown in steps, on each level, and printed whole", async (open, { ada: client }) => {
  const top = await client.call("POST", "objectives", { title: "Top" });
  const many = 60; // more than are shown at first
  for (let i = 0; i < many; i += 1) await client.call("POST", "objectives", { title: `Part ${i}`, parentId: top.id });
  for (let i = 0; i < many; i += 1) await client.call("POST", "objectives", { title: `Other ${i}` });
  const v = await open({ person: emma });
  const { page } = v;
  await v.go("/?view=tree");
  const parts = page.getByRole("list", { name: "What contributes to “Top”" }).getByRole("listitem");
  const roots = page.locator(".tree > li");
  await page.waitForFunction(() => document.querySelectorAll(".tree > li").length === 50);
  await v.button("Show the last 11").click();
  await page.waitForFunction(() => document.querySelectorAll(".tree > li").length === 61);
  assert.equal(await parts.count(), 50);
  await v.button("Show the last 10").click();
  await page.waitForFunction((wanted) => document.querySelectorAll(".tree ul li").length === wanted, many);
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll(".tree > li").length === 50);
  await page.evaluate(() => {
    window.print = () => { globalThis.printed = document.querySelectorAll(".tree li:has(> .node)").length; };
  });
  await v.button("Filter").click();
  await v.button("Print").click();
  await page.waitForFunction((wanted) => globalThis.printed === wanted, 2 * many + 1);
  assert.equal(await roots.count(), many + 1);
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await page.getByRole("link", { name: "Tree", exact: true }).waitFor({ state: "hidden" });
  await v.picture("print-tree");
});

visit("ten levels leave room for words on a phone, and nothing moves that nobody has moved", async (open, { ada: client }) => {
  let below = {};
  for (let level = 10; level > 0; level -= 1) below = { [`Level ${level} of a long way up`]: below };
  const made = await grow(client, below);
  const v = await open({ person: emma, size: phone });
  const { page } = v;
  await page.addInitScript(() => {
    globalThis.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await v.go("/?view=tree");
  await page.getByRole("link", { name: /^Level 2 / }).waitFor();
  for (let level = 2; level < 10; level += 1) await toggle(v, `Level ${level} of a long way up`).click();
  const lowest = page.getByRole("link", { name: /^Level 10 / });
  await lowest.waitFor();
  const box = await page.locator(".tree li:not(:has(li)) .about").boundingBox();
  assert.ok(box.width >= 120, `the words of the tenth level have ${box.width} pixels`);
  await v.accessible("ten levels of the tree");
  await v.fits("ten levels of the tree");
  await v.picture("tree-ten-levels", { fullPage: true });
  await page.evaluate(() => { globalThis.shift = 0; });
  for (const level of [1, 10]) await client.call("PATCH", `objectives/${made[`Level ${level} of a long way up`].id}`, { description: "Because." });
  await page.waitForFunction(() => document.querySelectorAll(".tree .by").length === 2);
  assert.equal(await page.evaluate(() => new Promise((resolve) => { requestAnimationFrame(() => setTimeout(() => resolve(globalThis.shift))); })), 0);
});
