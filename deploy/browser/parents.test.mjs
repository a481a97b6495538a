// Choosing the objective that another one contributes to.

import assert from "node:assert/strict";
import { ada, emma } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

const make = (client, title, parentId = "") => client.call("POST", "objectives", { title, parentId });

/** Opens the form of an objective; answers the field of its parent. */
async function edit(v, title) {
  await v.card(title).getByRole("button", { name: `Edit “${title}”` }).click();
  return v.page.getByRole("combobox", { name: "Contributes to" });
}

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`a parent is found by its words, by keyboard alone, and taken away again (${width})`, async (open, { ada: client }) => {
    const top = await make(client, "Be known in the north");
    await client.call("PATCH", `objectives/${top.id}`, { ownerId: emma.id, cycle: "2027" });
    await make(client, "Be known in the south");
    const { id } = await make(client, "Print leaflets");
    await make(client, "Draw a picture", id);
    const v = await open({ person: ada, size });
    const { page } = v;
    const { keyboard } = page;
    await v.go("/");
    const field = await edit(v, "Print leaflets");
    await v.empty(field);
    await field.focus();
    await keyboard.press("ArrowDown");
    await page.getByRole("option", { name: "Be known in the south" }).waitFor();
    await v.until(async () => assert.deepEqual((await page.locator("[role=option]").allInnerTexts()).map((one) => one.split(/\s*\n/)[0].trim()),
      ["No other objective", "Be known in the south", "Be known in the north"], "neither itself nor what stands below it"));
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await v.accessible(`choosing a parent (${width}, ${colorScheme})`);
      await v.picture(`parent-${width}-${colorScheme}`);
    }
    await v.fits(`choosing a parent (${width})`);
    await keyboard.press("Escape");
    await v.until(async () => assert.equal(await field.getAttribute("aria-expanded"), "false"));
    await keyboard.type("known nor");
    await page.getByRole("option", { name: /^Be known in the north.*2027.*Emma Eriksen/ }).waitFor();
    await v.hears(/^1 objective to choose from/);
    await keyboard.press("ArrowDown");
    const active = () => page.evaluate(() => document.getElementById(document.activeElement.getAttribute("aria-activedescendant"))?.textContent);
    await v.until(async () => assert.match(await active() ?? "", /^\s*Be known in the north/));
    await keyboard.press("Enter");
    const shows = (one, text, what) => v.until(async () => assert.equal(await one.inputValue(), text, what));
    await shows(field, "Be known in the north");
    await keyboard.press("Enter");
    await v.card("Print leaflets").getByText("Contributes to “Be known in the north”").waitFor();
    await v.hears(/^Saved/);
    assert.equal((await client.call("GET", `objectives/${id}`)).parentId, top.id);

    const again = await edit(v, "Print leaflets");
    await shows(again, "Be known in the north");
    await again.fill("nowhere at all");
    await page.getByText("No other objective has these words.").first().waitFor();
    await v.accessible(`no parent has the words (${width})`);
    await keyboard.press("Tab");
    await shows(again, "Be known in the north", "words alone choose nothing");
    await again.fill("");
    await v.button("Save").click();
    await v.card("Print leaflets").getByText("Contributes to").waitFor({ state: "detached" });
    await v.hears(/^Saved/);
    assert.equal((await client.call("GET", `objectives/${id}`)).parentId, "");
  });
}

visit("a parent that the server refuses is said at the field, and the rest of what was typed stays", async (open, { ada: client }) => {
  let above = "";
  for (let level = 1; level <= 10; level += 1) above = (await make(client, `Level ${level}`, above)).id;
  const { id: lost } = await make(client, "Soon deleted");
  const { id } = await make(client, "Restless");
  const v = await open({ person: ada });
  v.tolerate(/400 \(Bad Request\)|412 \(Precondition Failed\)|404 \(Not Found\)/);
  const { page } = v;
  await v.go("/");
  const refused = page.getByRole("alert").filter({ hasText: "The objective that it contributes to" });
  const pick = async (title, name = title) => {
    const field = page.getByRole("combobox", { name: "Contributes to" });
    await field.fill(title);
    await page.getByRole("option", { name, exact: false }).click();
    return field;
  };

  await edit(v, "Restless");
  await page.getByLabel("Why it matters").fill("Because.");
  await pick("Level 10");
  await v.button("Save").click();
  await refused.waitFor();
  const field = page.getByRole("combobox", { name: "Contributes to" });
  await v.until(async () => assert.equal(await field.getAttribute("aria-invalid"), "true"));
  assert.equal(await page.locator(".notice.bad").count(), 0, "it is said once");
  await v.accessible("a parent that stands too deep");
  await v.picture("parent-refused");
  await pick("Soon");
  await refused.waitFor({ state: "detached" }); // another choice is another question
  await client.call("DELETE", `objectives/${lost}`);
  await v.until(async () => assert.equal(await field.inputValue(), "An objective that was deleted"));
  await v.button("Save").click();
  await refused.waitFor();
  await pick("Level 9");
  await v.button("Save").click();
  await v.card("Restless").getByText("Contributes to “Level 9”").waitFor();
  await v.hears(/^Saved/);
  const now = await client.call("GET", `objectives/${id}`);
  assert.deepEqual([now.parentId === above, now.description], [false, "Because."]);
});

visit("whoever adds an objective hears at the field that its parent was deleted meanwhile", async (open, { ada: client }) => {
  const { id } = await make(client, "Soon deleted");
  const v = await open({ person: ada });
  v.tolerate(/400 \(Bad Request\)|404 \(Not Found\)/);
  await v.go("/");
  await v.button("New objective").click();
  await v.page.keyboard.type("Orphan");
  await v.button("More fields").click();
  await v.page.getByRole("combobox", { name: "Contributes to" }).click();
  await v.page.getByRole("option", { name: "Soon deleted" }).click();
  await client.call("DELETE", `objectives/${id}`);
  await v.card("Soon deleted").waitFor({ state: "detached" });
  await v.button("Add objective").click();
  await v.page.getByRole("alert").filter({ hasText: "The objective that it contributes to was deleted" }).waitFor();
  await v.page.getByRole("combobox", { name: "Contributes to" }).fill("");
  await v.button("Add objective").click();
  await v.card("Orphan").waitFor();
});

visit("two people choose another parent: both are shown by their texts", async (open, { ada: client }) => {
  const [north, south] = [await make(client, "North"), await make(client, "South")];
  const { id } = await make(client, "Undecided");
  const v = await open({ person: ada });
  v.tolerate(/412 \(Precondition Failed\)/);
  await v.go("/");
  const field = await edit(v, "Undecided");
  await field.fill("North");
  await v.page.getByRole("option", { name: "North" }).click();
  await client.call("PATCH", `objectives/${id}`, { parentId: south.id });
  const card = v.page.locator(`#${id}`);
  await card.getByText("Contributes to: South").waitFor();
  await card.getByText("Contributes to: North").waitFor();
  await v.accessible("two parents");
  await card.getByRole("button", { name: "Use mine" }).click();
  await card.getByText("Contributes to “North”").waitFor();
  await v.hears(/^Saved/);
  assert.equal((await client.call("GET", `objectives/${id}`)).parentId, north.id);
});

visit("whoever may not change objectives cannot choose a parent", async (open, { ada: client }) => {
  await make(client, "Hands off");
  const v = await open({ person: emma });
  await v.go("/");
  const button = v.card("Hands off").getByRole("button", { name: "Edit “Hands off”" });
  assert.equal(await button.getAttribute("data-tip"), "Your role (Employee) cannot change objectives.");
  await button.press("Enter");
  await v.hears(/cannot change objectives/);
  assert.equal(await v.page.getByRole("combobox", { name: "Contributes to" }).count(), 0);
});
