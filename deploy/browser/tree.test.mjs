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
      const path = page.getByRole("navigation", { name: "What it contributes to" });
      await path.getByRole("link", { name: "Be the first choice in the north" }).waitFor();
      assert.deepEqual(await path.getByRole("listitem").allInnerTexts(), ["Objectives", "Be the first choice in the north"]);
      const below = page.getByRole("list", { name: "What contributes to it" });
      await below.getByText("40\u202f%").waitFor();
      assert.deepEqual((await below.getByRole("link").allInnerTexts()).sort(), ["Hire two more people", "Write down what is asked often"]);
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
      assert.deepEqual(await path.getByRole("listitem").allInnerTexts(), ["Objectives", "Be the first choice in the north", "Answer within a day"]);
      await page.goBack();
      await v.card("Answer within a day").waitFor();
      await path.getByRole("link", { name: "Objectives" }).click();
      await v.card("Ship every week").waitFor();
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
  assert.equal(await path.getByRole("listitem").count(), 10);
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
