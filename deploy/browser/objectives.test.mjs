// What an objective and its key results have beside their texts: owners, cycles, dates, states, measured values, and the
// filters of the list.

import assert from "node:assert/strict";
import { ada, emma, max, someId } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

const quarter = (() => {
  const now = new Date();
  return `${now.getUTCFullYear()}-Q${Math.floor(now.getUTCMonth() / 3) + 1}`;
})();
const quarterName = quarter.split("-").reverse().join("\u00a0");

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`an objective gets an owner, a cycle, dates and a parent (${width})`, async (open, { ada: client }) => {
    const above = await client.objective("Stand on top");
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/");
    await v.button("New objective").click();
    await page.keyboard.type("Stand below");
    await v.button("More fields").click();
    const form = page.locator("form.composer");
    await v.until(async () => assert.equal(await form.getByLabel("Owner").inputValue(), ada.id, "whoever adds it owns it, unless they say otherwise"));
    assert.equal(await form.getByLabel("Cycle").inputValue(), quarter);
    await form.getByLabel("Why it matters, and what is meant").fill("First line.\nSecond line.");
    await form.getByRole("combobox", { name: "Contributes to" }).fill("top");
    await form.getByRole("option", { name: /^Stand on top/ }).click();
    await form.getByLabel("Cycle").selectOption({ label: "Another one …" });
    await form.getByLabel("Which cycle").fill("summer");
    await form.getByText("Write it as 2027").waitFor();
    await v.button("Add objective").click();
    await form.getByLabel("Which cycle").fill("2027-h1");
    await form.getByLabel("Start").fill("2027-03-01");
    await form.getByLabel("Due").fill("2027-02-01");
    await form.getByText("This is before the start.").waitFor();
    await form.getByLabel("Due").fill("2027-05-31");
    await v.accessible(`a new objective with all fields (${width})`);
    await v.fits(`a new objective with all fields (${width})`);
    await v.picture(`objective-fields-${width}`, { fullPage: true });
    await v.button("Add objective").click();
    const card = v.card("Stand below");
    await card.locator(".facts", { hasText: "Ada Albright" }).getByText("Mar 1 – May 31, 2027").waitFor();
    await card.getByText("Second line.").waitFor();
    const [made] = (await client.call("GET", "objectives?text=below")).objectives;
    assert.deepEqual([made.ownerId, made.cycle, made.startDate, made.dueDate, made.parentId], [ada.id, "2027-H1", "2027-03-01", "2027-05-31", above.id]);

    await card.getByRole("button", { name: "Edit “Stand below”" }).click();
    await card.getByLabel("Owner").selectOption({ label: "Max Moreau" });
    await card.getByLabel("Start").fill("");
    await card.getByLabel("Due").fill("");
    await card.getByRole("button", { name: "Save" }).click();
    await card.locator(".facts", { hasText: "Max Moreau" }).getByText("H1\u00a02027").waitFor();
    await v.accessible(`an objective with its facts (${width})`);
    await v.fits(`an objective with its facts (${width})`);

    await v.card("Stand on top").getByRole("button", { name: "Edit “Stand on top”" }).click();
    await v.card("Stand on top").getByRole("combobox", { name: "Contributes to" }).click();
    await v.hears(/^2 objectives to choose from/);
    await v.until(async () =>
      assert.deepEqual(await v.card("Stand on top").locator("[role=option]").allInnerTexts(), ["No other objective"], "nothing stands above itself"));
  });

  visit(`an objective is closed with a score, reopened, archived and restored (${width})`, async (open, { ada: client }) => {
    await client.objective("Come to an end", { "All of it": 70 });
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/");
    const card = v.card("Come to an end");
    await card.getByRole("button", { name: /^Close with a score/ }).click();
    const dialog = page.getByRole("dialog", { name: "Close “Come to an end”" });
    await dialog.getByText("Its key results are at 70\u202f%.").waitFor();
    await v.focuses(/^Score$/);
    await page.keyboard.type("1.2");
    await dialog.getByText("A number from 0 to 1").waitFor();
    await page.keyboard.press("Enter");
    await dialog.getByLabel("Score", { exact: true }).fill(".7");
    await dialog.getByLabel("Why this score").fill("Three of four.");
    await v.accessible(`closing (${width})`);
    await v.picture(`close-${width}`);
    await dialog.getByRole("button", { name: "Close objective" }).click();
    await dialog.waitFor({ state: "detached" });
    await card.getByText("Closed with a score of 0.7").waitFor();
    await card.getByText("Three of four.").waitFor();
    await v.accessible(`a closed objective (${width})`);
    await card.getByRole("button", { name: /^Change the score/ }).click();
    assert.equal(await page.getByRole("dialog").getByLabel("Score", { exact: true }).inputValue(), "0.7");
    await page.keyboard.press("Escape");
    await card.getByRole("button", { name: /^Reopen/ }).click();
    await card.getByText("Closed with a score").waitFor({ state: "detached" });
    await card.getByRole("button", { name: /^Archive/ }).click();
    await page.getByText("No objectives yet").waitFor();
    await v.focuses(/^Objectives$/);
    await v.button("Filter").click();
    await page.getByLabel("State").selectOption("archived");
    await card.locator(".facts", { hasText: "Archived" }).waitFor();
    assert.match(page.url(), /\?state=archived$/);
    for (const name of [/^Edit “Come/, /^Edit “All/, /^Check in on/, /^Delete “All/, /^Add key result/]) {
      assert.equal(await card.getByRole("button", { name }).getAttribute("data-tip"), "This objective is archived. Restore it to change it.");
    }
    await v.accessible(`an archived objective (${width})`);
    await v.fits(`an archived objective (${width})`);
    await card.getByRole("button", { name: /^Restore/ }).click();
    await page.getByText("Nothing fits this filter").waitFor();
    await v.button("Show all").first().click();
    await card.waitFor();
    assert.equal(new URL(page.url()).search, "");
  });

  visit(`key results are measured in many ways (${width})`, async (open, { ada: client }) => {
    const { id } = await client.call("POST", "objectives", { title: "Measure it", cycle: quarter });
    const v = await open({ person: max, size });
    const { page } = v;
    await v.go("/");
    const card = v.card("Measure it");
    const add = async (title, fill) => {
      if (await card.locator("form.composer").count() === 0) await card.getByRole("button", { name: /^Add key result to/ }).click();
      const form = card.locator("form.composer");
      await form.getByLabel("How will you know?").fill(title);
      await form.getByRole("button", { name: "More fields" }).click();
      await fill(form);
      await form.getByRole("button", { name: "Add key result" }).click();
      await card.getByRole("heading", { name: title }).waitFor();
      await v.empty(form.getByLabel("How will you know?"));
    };
    await add("Early renewals", async (form) => {
      await form.getByLabel("Written as").selectOption({ label: "Number" });
      await form.getByLabel("From").fill("20");
      await form.getByLabel("To", { exact: true }).fill("20.0");
      await form.getByText("It has to differ from the start.").waitFor();
      await form.getByLabel("To", { exact: true }).fill("1,080");
      await form.getByLabel("What is counted").fill("customers");
      await form.getByLabel("Owner").selectOption({ label: "Emma Eriksen" });
      await form.getByLabel("Weight").fill("3");
      await v.accessible(`a new key result with all fields (${width})`);
      await v.fits(`a new key result with all fields (${width})`);
      await v.picture(`key-result-fields-${width}`, { fullPage: true });
    });
    await add("Revenue from partners", async (form) => {
      await form.getByLabel("Written as").selectOption({ label: "Money" });
      await form.getByLabel("To", { exact: true }).fill("1250000");
      await form.getByText("Three capital letters").waitFor();
      await form.getByLabel("Currency").fill("eur");
    });
    await add("The handbook is out", (form) => form.getByLabel("Measured by").selectOption({ label: "Done or not done" }));
    await card.getByRole("button", { name: "Cancel" }).click();

    const row = (title) => card.getByRole("listitem").filter({ hasText: title });
    await row("Early renewals").getByText("20, from 20 to 1,080 customers").waitFor();
    await row("Early renewals").getByText("counts 3 times").waitFor();
    await row("Early renewals").getByText("Emma Eriksen").waitFor();
    const value = card.getByLabel("Value of “Early renewals”");
    await value.fill("many");
    await page.keyboard.press("Enter");
    await row("Early renewals").getByText("A number of at most 18 digits, please").waitFor();
    await value.fill("550.5");
    await page.keyboard.press("Enter");
    await v.hears(/“Early renewals” is at 550.5.customers/);
    await row("Early renewals").getByText("550.5, from 20 to 1,080 customers").waitFor();
    await card.getByLabel("Value of “Revenue from partners”").fill("310,500.50");
    await page.keyboard.press("Enter");
    await row("Revenue from partners").getByText("€310,500.50 of €1,250,000").waitFor();
    await card.getByRole("checkbox", { name: "“The handbook is out” is done" }).click();
    await row("The handbook is out").getByText("Reached").waitFor();
    await v.hears(/“The handbook is out” is at Done/); // by now the server has it, too
    let made;
    await v.until(async () => {
      made = await client.call("GET", `objectives/${id}`);
      assert.deepEqual(made.keyResults.map((kr) => [kr.currentValue, kr.attainment, kr.weight, kr.unit]),
        [["550.5", 50, 3, "customers"], ["310500.50", 25, 1, "EUR"], ["100", 100, 1, ""]]);
    });
    await card.locator(".figure", { hasText: String(made.progress) }).waitFor();
    await card.getByText(`${made.expectedProgress}\u202f% expected by today`).waitFor();

    await row("Early renewals").getByRole("button", { name: /^Edit/ }).click();
    const editor = card.locator("form.editor");
    assert.equal(await editor.getByLabel("Measured by").count(), 0, "how it is measured stays");
    await editor.getByLabel("To", { exact: true }).fill("530.5");
    await v.accessible(`editing a key result (${width})`);
    await editor.getByRole("button", { name: "Save" }).click();
    await row("Early renewals").getByText("550.5, from 20 to 530.5 customers").waitFor();
    await v.accessible(`measured key results (${width})`);
    await v.fits(`measured key results (${width})`);
    await v.picture(`measured-${width}`, { fullPage: true });
  });
}

visit("the list is filtered by cycle, owner, state and words, and the address says how", async (open, { ada: client }) => {
  const make = (title, fields, keyResult) => client.call("POST", "objectives", { title, ...fields })
    .then(({ id }) => keyResult && client.call("POST", `objectives/${id}/keyResults`, keyResult));
  await make("Early plans", { cycle: "2027-Q1" });
  await make("Mine", { ownerId: ada.id, cycle: quarter });
  await make("Through a key result", {}, { title: "Ducks in a row", ownerId: ada.id });
  await make("Of Max", { ownerId: max.id });
  const v = await open({ person: ada });
  const { page } = v;
  const titles = async (...wanted) => {
    for (const title of wanted) await v.card(title).waitFor();
    await v.until(async () => assert.equal(await page.getByRole("article").count(), wanted.length));
  };
  await v.go("/");
  await titles("Early plans", "Mine", "Through a key result", "Of Max");
  await v.button("Filter").click();
  const filters = page.getByRole("search");
  await filters.getByLabel("Owner").selectOption("me");
  await titles("Mine", "Through a key result");
  await v.accessible("filters");
  await filters.getByLabel("Words").fill("duck row");
  await titles("Through a key result");
  assert.equal(new URL(page.url()).search, "?owner=me&text=duck+row");
  await page.reload();
  await titles("Through a key result");
  await v.until(async () => assert.equal(await filters.getByLabel("Words").inputValue(), "duck row"));
  await filters.getByRole("button", { name: "Show all" }).click();
  await titles("Early plans", "Mine", "Through a key result", "Of Max");
  await filters.getByLabel("Cycle").selectOption({ label: quarterName });
  await titles("Mine");

  const max2 = (await client.call("GET", "objectives?text=max")).objectives[0];
  await client.call("PATCH", `objectives/${max2.id}`, { cycle: quarter });
  await titles("Mine", "Of Max"); // it fits now, and appears by itself
  await client.call("PATCH", `objectives/${max2.id}`, { cycle: "" });
  await titles("Mine");
  await v.card("Mine").getByRole("button", { name: "Edit “Mine”" }).click();
  await page.keyboard.type(" alone");
  await filters.getByLabel("Cycle").selectOption("2027-Q1");
  await v.card("Early plans").waitFor();
  await v.until(async () => assert.equal(await v.page.getByLabel("Text of the objective").inputValue(), "Mine alone", "what somebody has begun to change stays"));
});

visit("who may not change an objective sees why", async (open, { ada: client }) => {
  await client.objective("Hands off");
  const v = await open({ person: emma });
  await v.go("/");
  const card = v.card("Hands off");
  for (const name of [/^Close with a score/, /^Archive/, /^Edit/]) {
    assert.equal(await card.getByRole("button", { name }).getAttribute("data-tip"), "Your role (Employee) cannot change objectives.");
  }
});

visit("two people change the same field: both values are shown by name; other fields are merged", async (open, { ada: client }) => {
  const { id } = await client.objective("Shared");
  const v = await open({ person: ada });
  v.tolerate(/412 \(Precondition Failed\)/);
  await v.go("/");
  const card = v.page.locator(`#${id}`);
  await card.getByRole("button", { name: "Edit “Shared”" }).click();
  await card.getByLabel("Owner").selectOption({ label: "Max Moreau" });
  await card.getByLabel("Why it matters").fill("Because.");
  await client.call("PATCH", `objectives/${id}`, { ownerId: emma.id, title: "Shared by all" });
  await card.getByText("Owner: Emma Eriksen").waitFor();
  await card.getByText("Owner: Max Moreau").waitFor();
  assert.equal(await card.getByLabel("Text of the objective").inputValue(), "Shared by all", "what was not touched here follows");
  await v.accessible("two owners");
  await card.getByRole("button", { name: "Use mine" }).click();
  await card.getByRole("heading", { name: "Shared by all" }).waitFor();
  await v.hears(/Saved/);
  const now = await client.call("GET", `objectives/${id}`);
  assert.deepEqual([now.title, now.ownerId, now.description], ["Shared by all", max.id, "Because."]);
});

visit("a cycle is printed whole, black on white, with what was chosen and without what cannot be pressed on paper", async (open, { ada: client }) => {
  const many = 60; // more than are shown at first
  for (let i = 0; i < many; i++) await client.call("POST", "objectives", { title: `Plan ${i}`, cycle: "2027-Q1" });
  await client.call("POST", "objectives", { title: "Another time", cycle: "2027-Q2" });
  const v = await open({ person: ada, dark: true });
  await v.go("/?cycle=2027-Q1");
  await v.card("Plan 59").waitFor();
  await v.page.waitForFunction(() => document.querySelectorAll("article").length === 50);
  await v.page.evaluate(() => {
    window.print = () => { globalThis.printed = document.querySelectorAll(".cards article").length; };
  });
  await v.button("Print").click();
  await v.page.waitForFunction((wanted) => globalThis.printed === wanted, many);
  await v.page.emulateMedia({ media: "print", colorScheme: "dark" });
  await v.page.getByText(/^Acme · .*2027.* · printed on /).waitFor();
  await v.button("Print").waitFor({ state: "hidden" });
  assert.equal(await v.page.getByText("Another time").count(), 0);
  const [ink, paper] = await v.page.evaluate(() => [document.querySelector("article h2"), document.documentElement]
    .map((e, i) => getComputedStyle(e)[i === 0 ? "color" : "backgroundColor"]));
  const light = (color) => color.match(/[\d.]+/g).slice(0, 3).every((part) => Number(part) > 128);
  assert.ok(!light(ink), `the ink is ${ink}`);
  assert.ok(paper === "rgba(0, 0, 0, 0)" || light(paper), `the paper is ${paper}`);
  await v.picture("print-cycle", { fullPage: true });
});

/** Many objectives, of which no two that follow each other are equally high. */
const uneven = (count) => Array.from({ length: count }, (_, i) => ({
  objective: { id: someId("okr"), title: `Goal ${i}`, cycle: quarter },
  keyResults: Array.from({ length: i * 5 % 9 }, (_, j) => ({ keyResult: { id: someId("kr"), title: `Result ${j} of ${i}` }, checkIns: [] })),
}));

const cards = (v, count) => v.page.waitForFunction((wanted) => document.querySelectorAll("article").length === wanted, count);

visit("whoever prints by the browser's own means gets the whole list", async (open, { ada: client }) => {
  await client.import(uneven(70));
  const v = await open({ person: emma });
  const sheets = async () => String(await v.page.pdf()).match(/\/Type\s*\/Page\b/g).length;
  await v.go("/");
  await cards(v, 50);
  const first = await sheets();
  await cards(v, 70);
  assert.equal(first, await sheets());
});

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`in a long list the browser finds what is not drawn, and the end stays where it is (${width})`, async (open, { ada: client }) => {
    await client.import(uneven(120));
    const v = await open({ person: emma, size });
    const { page } = v;
    await v.go("/");
    await cards(v, 50);
    await v.hasShortcuts(); // and with them the styles that come last
    const found = await page.evaluate(() => [find("Result 1 of 95"), getSelection().toString(), getSelection().anchorNode?.parentElement.checkVisibility()]);
    assert.deepEqual(found, [true, "Result 1 of 95", true]);

    await page.reload();
    await cards(v, 50);
    await v.hasShortcuts();
    const { x, y, later } = await page.evaluate(async () => {
      const more = document.querySelector(".more button");
      const at = () => more.getBoundingClientRect();
      scrollTo(0, document.documentElement.scrollHeight);
      const { left, top, width, height } = at();
      for (let frame = 0; frame < 10; frame += 1) await new Promise((resolve) => { requestAnimationFrame(resolve); });
      return { x: left + width / 2, y: top + height / 2, later: at().top + height / 2 };
    });
    assert.equal(later, y);
    await page.mouse.click(x, y);
    await cards(v, 100);
  });
}
