// What each persona does with objectives and key results, and why not for the rest.

import assert from "node:assert/strict";
import { ada, emma, max } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

const looks = [
  ["320 px, light", { size: phone }], ["320 px, dark", { size: phone, dark: true }],
  ["1280 px, light", { size: desk }], ["1280 px, dark", { size: desk, dark: true }],
];

/** What a role cannot do: the control is there, can be reached, says why, and does nothing. */
async function refuses(v, button, reason) {
  await button.focus();
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  const described = await button.evaluate((b) => document.getElementById(b.getAttribute("aria-describedby"))?.textContent);
  assert.equal(described, reason);
  await button.click({ force: true }); // the driver waits for what is aria-disabled to be enabled
  await v.page.locator(".tip", { hasText: reason }).waitFor();
  await v.hears(new RegExp(reason.replaceAll(/[()]/g, ".")));
  assert.equal(await v.page.locator("dialog, .composer, .editor").count(), 0);
}

async function keyResults(v, card) {
  const { page } = v;
  await card.getByRole("button", { name: /^Add key result to/ }).click();
  await page.keyboard.type("Five clients connect");
  await page.keyboard.press("Enter");
  await card.getByRole("heading", { name: "Five clients connect" }).waitFor();
  await v.empty(card.getByLabel("How will you know?")); // others may see a key result before it is said that it was made
  await page.keyboard.type("Nobody asks how");
  await page.keyboard.press("Enter");
  await card.getByRole("heading", { name: "Nobody asks how" }).waitFor();
  await v.empty(card.getByLabel("How will you know?"));
  await card.getByRole("button", { name: "Cancel" }).click();
  await card.getByRole("button", { name: "Edit “Nobody asks how”" }).click();
  await page.keyboard.type(" it works");
  await page.keyboard.press("Enter");
  await card.getByRole("heading", { name: "Nobody asks how it works" }).waitFor();
  await v.hears(/Saved/);
  await card.getByRole("button", { name: "Delete “Nobody asks how it works”" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete this key result?" });
  await dialog.getByRole("button", { name: "Keep" }).click();
  await card.getByRole("button", { name: "Delete “Nobody asks how it works”" }).click();
  await dialog.getByRole("button", { name: "Delete key result" }).click();
  await card.getByRole("heading", { name: "Nobody asks how it works" }).waitFor({ state: "detached" });
}

async function attainment(v, card, text, value) {
  const input = card.getByLabel(`Percent achieved of “${text}”`);
  await input.fill("101");
  await v.page.keyboard.press("Enter");
  await card.getByText("A whole number from 0 to 100").waitFor();
  await input.fill(String(value));
  await card.getByRole("button", { name: `Set “${text}”` }).click();
  await v.hears(new RegExp(`“${text}” is at ${value}`));
}

for (const [look, options] of looks) {
  visit(`the CEO does everything (${look})`, async (open) => {
    const v = await open({ person: ada, ...options });
    const { page } = v;
    await v.go("/");
    await page.getByText("No objectives yet").waitFor();
    await v.button("New objective").click();
    await page.keyboard.type("Be easy to try");
    await page.keyboard.press("Enter");
    const card = v.card("Be easy to try");
    await card.getByText("nothing says how far this is").waitFor();
    await v.focuses(/^Be easy to try$/);
    await keyResults(v, card);
    await attainment(v, card, "Five clients connect", 40);
    await card.locator(".figure", { hasText: "40" }).waitFor();
    await card.getByText("60 % to go").waitFor();
    await attainment(v, card, "Five clients connect", 100);
    await card.getByText("Reached").waitFor();
    await page.getByText("1 objective · 1 key result · 100 % on average").waitFor();
    await card.getByRole("button", { name: "Edit “Be easy to try”" }).click();
    await v.focuses(/^Text of the objective$/);
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.type("Be easy to love");
    await card.getByRole("button", { name: "Save" }).click();
    const renamed = v.card("Be easy to love");
    await renamed.waitFor();
    await v.hears(/Saved/);
    await v.fits("the editor");
    await v.accessible(`the editor of the CEO, ${look}`);
    await renamed.getByRole("button", { name: "Delete “Be easy to love”" }).click();
    await page.getByText("Its 1 key result will be deleted with it. It can be brought back under Activity.").waitFor();
    await v.focuses(/^Keep$/);
    await v.accessible(`the question before a deletion, ${look}`);
    await page.getByRole("button", { name: "Archive instead" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.getByText("No objectives yet").or(page.getByText("Nothing fits this filter")).first().waitFor();
    await v.go("/?state=archived");
    await renamed.getByRole("button", { name: "Restore: Be easy to love" }).click();
    await renamed.waitFor({ state: "detached" }); // whoever leaves before may take the request along
    await v.go("/");
    await renamed.getByRole("button", { name: "Delete “Be easy to love”" }).click();
    await page.getByRole("button", { name: "Delete objective" }).click();
    await page.getByText("No objectives yet").waitFor();
    await v.focuses(/^Objectives$/);
  });

  visit(`the manager writes key results, and sees why no objectives (${look})`, async (open, world) => {
    await world.ada.objective("Ship it");
    const v = await open({ person: max, ...options });
    await v.go("/");
    const card = v.card("Ship it");
    await card.waitFor();
    const role = "Your role (Manager) cannot";
    await refuses(v, v.button("New objective"), `${role} add objectives.`);
    await refuses(v, card.getByRole("button", { name: "Edit “Ship it”" }), `${role} change objectives.`);
    await refuses(v, card.getByRole("button", { name: "Delete “Ship it”" }), `${role} delete objectives.`);
    await keyResults(v, card);
    await attainment(v, card, "Five clients connect", 75);
    await v.fits("the editor");
    await v.accessible(`the editor of the manager, ${look}`);
  });

  visit(`the employee reports progress, and sees why nothing else (${look})`, async (open, world) => {
    await world.ada.objective("Ship it", { "Weekly releases": 20 });
    const v = await open({ person: emma, ...options });
    await v.go("/");
    const card = v.card("Ship it");
    await card.waitFor();
    const role = "Your role (Employee) cannot";
    await refuses(v, v.button("New objective"), `${role} add objectives.`);
    await refuses(v, card.getByRole("button", { name: "Edit “Ship it”" }), `${role} change objectives.`);
    await refuses(v, card.getByRole("button", { name: "Delete “Ship it”" }), `${role} delete objectives.`);
    await refuses(v, card.getByRole("button", { name: "Add key result to “Ship it”" }), `${role} add key results.`);
    await refuses(v, card.getByRole("button", { name: "Delete “Weekly releases”" }), `${role} delete key results.`);
    await card.getByRole("button", { name: "Edit “Weekly releases”" }).click();
    await v.focuses(/^Text of the key result$/);
    await v.page.keyboard.press("ControlOrMeta+a");
    await v.page.keyboard.type("Releases every week");
    await v.page.keyboard.press("Enter");
    await v.hears(/Saved/);
    await attainment(v, card, "Releases every week", 60);
    await v.fits("the editor");
    await v.accessible(`the editor of the employee, ${look}`);
  });
}

visit("what is longer than a line or full of signs is shown as it is", async (open, world) => {
  const markup = "<img src=x onerror=alert(1)> & “quotes” Grünwald 目標 \u{1F680}";
  const long = "Everything".repeat(49);
  await world.ada.objective(markup, { [long]: 10 });
  const v = await open({ person: ada, size: phone });
  await v.go("/");
  await v.card(markup).getByRole("heading", { name: long }).waitFor();
  await v.fits("long texts");
});

visit("many objectives come in pages, the newest first", async (open, world) => {
  await Promise.all(Array.from({ length: 210 }, (_, i) => world.ada.call("POST", "objectives", { title: `Goal ${i}` })));
  const last = await world.ada.objective("The last goal");
  const v = await open({ person: emma });
  await v.go("/");
  await v.card(last.title).waitFor();
  const cards = (count) => v.page.waitForFunction((wanted) => document.querySelectorAll("article").length === wanted, count);
  await cards(50);
  await v.page.getByText("211 objectives").waitFor();
  await v.button("Show 50 more of 161").click();
  await cards(100);
  for (const name of ["Show 50 more of 111", "Show 50 more of 61", "Show the last 11"]) await v.button(name).click();
  await cards(211);
});

visit("a text that is too long is kept whole, and not sent", async (open, { ada: client }) => {
  await client.objective("Short");
  const v = await open({ person: ada });
  const { page } = v;
  const [most, more] = ["👍".repeat(500), "👍".repeat(501)]; // characters, and twice as many units of UTF-16
  await v.go("/");
  await v.button("New objective").click();
  const form = page.locator("form.composer");
  const title = form.getByLabel("What do you want to achieve?");
  await title.fill(more);
  await form.locator(".error", { hasText: "at most 500 characters, please" }).waitFor();
  assert.equal(await title.inputValue(), more, "nothing was cut off");
  assert.equal(await form.getByRole("button", { name: "Add objective" }).getAttribute("aria-disabled"), "true");
  await v.accessible("a title that is too long");
  await v.picture("too-long");
  await title.fill(most);
  await page.keyboard.press("Enter");
  await v.card(most).waitFor();

  const card = v.card("Short");
  await card.getByRole("button", { name: "Edit “Short”" }).click();
  const description = card.getByLabel("Why it matters, and what is meant");
  await description.fill("x".repeat(10_001));
  await card.locator(".error", { hasText: "at most 10000 characters, please" }).waitFor();
  await card.getByRole("button", { name: "Save" }).click();
  assert.equal((await description.inputValue()).length, 10_001);
  await description.fill("x".repeat(10_000));
  await card.getByRole("button", { name: "Save" }).click();
  await v.hears(/Saved/);
});

visit("what the server refuses in a text is said of the field as people call it", async (open) => {
  const v = await open({ person: ada });
  v.tolerate(/status of 400/);
  await v.go("/");
  await v.button("New objective").click();
  await v.page.keyboard.insertText("Left\u202eright");
  await v.page.keyboard.press("Enter");
  await v.page.getByText("title: must not contain control characters or bidirectional overrides.", { exact: true }).waitFor();
});
