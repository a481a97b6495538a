// What goes wrong is said where it happened, and what was typed is kept.

import assert from "node:assert/strict";
import { Line } from "./line.mjs";
import { acme, ada, Client, emma, max, reset } from "./people.mjs";
import { System } from "./system.mjs";
import { visit } from "./main.mjs";

const offline = /Failed to load resource|ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED/;

visit("the server is stopped in the middle of an edit, and comes back", async (open, { binary }) => {
  const system = await System.start(binary);
  try {
    const client = await reset(system);
    await client.objective("Stay up", { "Four nines": 10 });
    const v = await open({ system, person: ada });
    v.tolerate(offline);
    await v.go("/");
    const card = v.card("Stay up");
    await card.getByRole("button", { name: "Edit “Stay up”" }).click();
    await card.getByLabel("Text of the objective").waitFor(); // the form itself, which needs the server
    await v.page.keyboard.type(" all year");
    await card.getByLabel("Percent achieved of “Four nines”").fill("45");
    await v.hasParts();
    await system.down();
    await card.getByRole("button", { name: "Save" }).click();
    await card.getByText("The server did not answer. What you typed is kept.").waitFor();
    await v.page.getByText("Not live: connecting again").waitFor();
    await v.accessible("the server is gone");
    assert.equal(await card.getByLabel("Text of the objective").inputValue(), "Stay up all year");
    await system.up();
    await v.page.getByText("Not live: connecting again").waitFor({ state: "detached", timeout: 20_000 });
    await card.getByRole("button", { name: "Save" }).click();
    const renamed = v.card("Stay up all year");
    await renamed.waitFor();
    assert.equal(await renamed.getByLabel("Percent achieved of “Four nines”").inputValue(), "45");
    await renamed.getByRole("button", { name: "Set “Four nines”" }).click();
    await renamed.getByText("55 % to go").waitFor();
    const { objectives } = await client.call("GET", "objectives");
    assert.equal(objectives.length, 1);
  } finally {
    await system.stop();
  }
});

visit("the line is cut, and what others did meanwhile is there once it is mended, without a reload", async (open, { ada: client, system }) => {
  const kept = await client.objective("Kept", { "Ten of them": 10, "To be dropped": 0 });
  const doomed = await client.objective("Doomed");
  const line = await Line.lay(system);
  try {
    const v = await open({ person: emma, system: line.system });
    v.tolerate(offline);
    await v.go("/");
    await v.card("Doomed").waitFor();
    const card = v.card("Kept");
    await card.getByLabel("Percent achieved of “Ten of them”").fill("15");
    await v.page.evaluate(() => { globalThis.sameDocument = true; });
    await v.hasParts();
    line.cut();
    await v.page.getByText("Not live: connecting again").waitFor();
    const agent = await Client.agent(system, max, "Reporter", ["read:okrs", "manage:krs"]);
    await agent.call("POST", `keyResults/${kept.keyResults[0].id}/checkIns`, { value: "60", note: "Six" });
    await client.call("DELETE", `keyResults/${kept.keyResults[1].id}`);
    await client.call("PATCH", `objectives/${kept.id}`, { title: "Kept and renamed" });
    await client.call("DELETE", `objectives/${doomed.id}`);
    await client.objective("Made meanwhile", { "At once": 30 });
    assert.equal(await v.card("Kept").count() + await v.card("Doomed").count(), 2, "nothing of it came through");
    line.mend();
    await v.page.getByText("Not live: connecting again").waitFor({ state: "detached", timeout: 40_000 });
    const renamed = v.card("Kept and renamed");
    await renamed.getByText("60 %").first().waitFor();
    await renamed.getByText("15 %").waitFor(); // what was typed, beside it
    await renamed.getByRole("heading", { name: "To be dropped" }).waitFor({ state: "detached" });
    await v.card("Doomed").waitFor({ state: "detached" });
    await v.card("Made meanwhile").getByText("70 % to go").waitFor();
    await client.call("PATCH", `objectives/${kept.id}`, { title: "Kept and live" });
    await v.card("Kept and live").waitFor();
    assert.equal(await v.page.evaluate(() => globalThis.sameDocument), true, "the page was not loaded again");
  } finally {
    line.close();
  }
});

visit("parts that are cut off while they are loaded say so where they are missing, and trying again loses nothing", async (open, { ada: client }) => {
  const kept = await client.objective("Kept", { "Ten of them": 10 });
  const v = await open({ person: emma });
  v.tolerate(/Failed to load resource|ERR_FAILED/);
  const parts = /\/forms\/[^/]+\.js$/;
  await v.page.route(parts, (route) => route.abort());
  await v.go("/");
  const card = v.card("Kept");
  await card.getByLabel("Percent achieved of “Ten of them”").fill("15");
  await client.call("POST", `keyResults/${kept.keyResults[0].id}/checkIns`, { value: "60" });
  await card.getByRole("alert").getByText("This part of the page could not be loaded.").waitFor();
  await v.accessible("a part is missing");
  await v.page.unroute(parts);
  await card.getByRole("button", { name: "Try again" }).click();
  await card.getByText("60 %").first().waitFor();
  await card.getByText("15 %").waitFor();
});

visit("a stylesheet that could not be loaded is asked for again by the next view that needs it", async (open) => {
  const v = await open({ person: ada });
  v.tolerate(/Failed to load resource|ERR_FAILED/);
  const styles = /\/style\/views\.css$/;
  const there = () => {
    const probe = document.body.appendChild(document.createElement("div"));
    probe.className = "groups"; // which this sheet alone makes a grid
    const { display } = getComputedStyle(probe);
    probe.remove();
    return display === "grid";
  };
  await v.page.route(styles, (route) => route.abort());
  await v.go("/settings");
  await v.page.getByRole("heading", { level: 1 }).waitFor();
  assert.equal(await v.page.evaluate(there), false);
  await v.page.unroute(styles);
  await v.page.getByRole("link", { name: "Members" }).click();
  await v.page.waitForFunction(there);
});

visit("an answer that is lost is asked for again, and nothing is made twice", async (open, world) => {
  const v = await open({ person: ada });
  v.tolerate(offline);
  await v.go("/");
  await v.page.getByText("No objectives yet").waitFor();
  let lost = 0;
  await v.page.route("**/api/v1/objectives?requestId=*", async (route) => {
    if (lost > 0) return route.continue();
    lost += 1;
    await route.fetch();
    return route.abort("connectionreset");
  });
  await v.button("New objective").click();
  await v.page.keyboard.type("Only once");
  await v.page.keyboard.press("Enter");
  await v.page.getByText("The server did not answer. What you typed is kept.").waitFor();
  await v.button("Add objective").click();
  await v.page.getByLabel("What do you want to achieve?").waitFor({ state: "detached" });
  const { objectives } = await world.ada.call("GET", "objectives");
  assert.deepEqual(objectives.map((o) => o.title), ["Only once"]);
  assert.equal(await v.card("Only once").count(), 1);
});

/** Logs somebody out behind the page's back, as another tab would. */
const endSession = (visitor) => visitor.client.call("DELETE", "session");

visit("the session ends in the middle of an edit: sign in again in place and go on", async (open, { ada: client, system }) => {
  await client.objective("Keep going", { "Every day": 0 });
  const v = await open({ person: max });
  v.tolerate(/401 \(Unauthorized\)/);
  await v.go("/");
  const card = v.card("Keep going");
  await card.getByRole("button", { name: /^Add key result/ }).click();
  await v.page.keyboard.type("Typed before the end");
  await card.getByLabel("How will you know?").waitFor();
  await endSession(v);
  await v.page.keyboard.press("Enter");
  const dialog = v.page.getByRole("dialog", { name: "Your session has ended" });
  await dialog.waitFor();
  await dialog.getByText("What you typed is kept").waitFor();
  await v.accessible("the session has ended");
  assert.equal(await dialog.getByLabel("E-mail address").inputValue(), max.email);
  await dialog.getByRole("button", { name: "Not now" }).click();
  assert.equal(await card.getByLabel("How will you know?").inputValue(), "Typed before the end");
  await v.page.getByRole("alert").getByRole("button", { name: "Sign in" }).click();
  await dialog.getByRole("button", { name: "Send me a code" }).click();
  await dialog.getByLabel("Code").waitFor(); // it was sent: before that there may be an older one
  await dialog.getByLabel("Code").fill(await system.code(max.email));
  await v.page.keyboard.press("Enter");
  await dialog.waitFor({ state: "detached" });
  assert.equal(await card.getByLabel("How will you know?").inputValue(), "Typed before the end");
  await card.getByRole("button", { name: "Add key result", exact: true }).click();
  await card.getByRole("heading", { name: "Typed before the end" }).waitFor();
});

visit("whoever signs in again in one tab goes on in the others", async (open, { system }) => {
  const v = await open({ person: ada });
  v.tolerate(/401 \(Unauthorized\)/);
  await v.go("/");
  const other = await v.context.newPage();
  await other.goto(v.page.url());
  const dialogs = [];
  for (const page of [v.page, other]) {
    await page.getByRole("button", { name: "New objective" }).click();
    await page.keyboard.type("Kept");
    await page.getByLabel("What do you want to achieve?").waitFor();
  }
  await endSession(v);
  for (const page of [v.page, other]) {
    await page.getByLabel("What do you want to achieve?").press("Enter");
    dialogs.push(page.getByRole("dialog", { name: "Your session has ended" }));
    await dialogs.at(-1).waitFor();
  }
  await dialogs[0].getByRole("button", { name: "Send me a code" }).click();
  await dialogs[0].getByLabel("Code").waitFor();
  await dialogs[0].getByLabel("Code").fill(await system.code(ada.email));
  await dialogs[0].getByLabel("Code").press("Enter");
  for (const dialog of dialogs) await dialog.waitFor({ state: "detached" });
  assert.equal(await other.getByLabel("What do you want to achieve?").inputValue(), "Kept");
});

visit("signing in again by way of another page keeps what was typed, too", async (open, { ada: client }) => {
  await client.objective("Come back");
  const v = await open({ person: ada });
  v.tolerate(/401 \(Unauthorized\)/);
  await v.go("/");
  await v.button("New objective").click();
  await v.page.keyboard.type("Still here");
  await v.page.getByLabel("What do you want to achieve?").waitFor(); // Enter before the form is there would be pressed again later
  await endSession(v);
  await v.page.keyboard.press("Enter");
  const dialog = v.page.getByRole("dialog", { name: "Your session has ended" });
  await dialog.getByRole("link", { name: "Continue with Google" }).click();
  await v.page.getByRole("button", { name: /Ada Albright/ }).click();
  await v.card("Come back").waitFor();
  assert.equal(await v.page.getByLabel("What do you want to achieve?").inputValue(), "Still here");
});

visit("what somebody typed is not shown to who signs in after them", async (open, { system }) => {
  const v = await open({ person: ada });
  v.tolerate(/401 \(Unauthorized\)/);
  await v.go("/");
  await v.button("New objective").click();
  await v.page.keyboard.type("For my eyes");
  await v.context.clearCookies();
  await v.page.keyboard.press("Enter");
  const dialog = v.page.getByRole("dialog", { name: "Your session has ended" });
  await dialog.getByLabel("E-mail address").fill(emma.email);
  await v.page.keyboard.press("Enter");
  await dialog.getByLabel("Code").waitFor();
  await dialog.getByLabel("Code").fill(await system.code(emma.email));
  await v.page.keyboard.press("Enter");
  await v.button("Emma Eriksen Acme account menu").waitFor();
  await v.page.getByText("No objectives yet").waitFor();
  assert.equal(await v.page.getByText("For my eyes").count(), 0);
});

visit("a permission is withdrawn while somebody types", async (open, { ada: client, system }) => {
  await client.objective("Shared goal");
  const v = await open({ person: max });
  v.tolerate(/403 \(Forbidden\)/);
  await v.go("/");
  const card = v.card("Shared goal");
  await card.getByRole("button", { name: /^Add key result/ }).click();
  await v.page.keyboard.type("Not any more");
  await system.provider("PUT", `/v1/b2b/organizations/${acme}/members/${max.id}`, { roles: [] });
  await v.client.call("POST", "session:refresh", {}); // what is remembered of the session is asked anew, not after 30 s
  await v.page.keyboard.press("Enter");
  await card.getByText("Your role does not allow this any more. Nothing was changed, and what you typed is kept.").waitFor();
  assert.equal(await card.getByLabel("How will you know?").inputValue(), "Not any more");
  const add = card.getByRole("button", { name: "Add key result", exact: true });
  await v.until(async () => assert.equal(await add.getAttribute("data-tip"), "Your role (Employee) cannot add key results."));
  assert.equal(await add.getAttribute("aria-disabled"), "true");
  await v.accessible("a permission is gone");
});

visit("two people change the same: both values are shown, and one is chosen", async (open, { ada: client }) => {
  const { id, keyResults: [kr] } = await client.objective("One goal", { "One number": 10 });
  const v = await open({ person: ada });
  v.tolerate(/412 \(Precondition Failed\)/);
  await v.go("/");
  const card = v.page.locator(`#${id}`);
  await card.getByRole("button", { name: "Edit “One goal”" }).click();
  await v.page.keyboard.type(" of mine");
  await card.getByLabel("Percent achieved of “One number”").fill("20");
  const other = await Client.signIn(v.system, ada);
  await other.call("PATCH", `objectives/${id}`, { title: "Another goal" });
  await other.call("POST", `keyResults/${kr.id}:setAttainment`, { attainment: 70 });
  await card.getByText("“Another goal”").waitFor();
  await card.getByText("“One goal of mine”").waitFor();
  await card.getByText("70 %").first().waitFor();
  const mine = card.getByRole("button", { name: "Use mine" });
  await mine.nth(1).waitFor();
  await v.accessible("two values");
  await mine.nth(1).click();
  await card.getByText("80 % to go").waitFor();
  await v.hears(/“One number” is at 20/);
  await mine.click();
  await v.card("One goal of mine").waitFor();
  await v.hears(/Saved/);
  const now = await client.call("GET", `objectives/${id}`);
  assert.equal(now.title, "One goal of mine");
  assert.equal(now.keyResults[0].attainment, 20);
});

visit("a change of another field does not stand in the way", async (open, { ada: client }) => {
  const { keyResults: [kr] } = await client.objective("Two fields", { "One text": 10 });
  const v = await open({ person: emma });
  v.tolerate(/412 \(Precondition Failed\)/);
  await v.page.route("**/changes:watch*", () => {}); // no news
  await v.go("/");
  const card = v.card("Two fields");
  await card.getByLabel("Percent achieved of “One text”").fill("35");
  await client.call("PATCH", `keyResults/${kr.id}`, { title: "Another text" });
  await card.getByRole("button", { name: /^Set/ }).click();
  await card.getByText("65 % to go").waitFor();
  await card.getByRole("heading", { name: "Another text" }).waitFor();
});

visit("what is deleted by others while somebody edits it stays until they have seen it", async (open, { ada: client }) => {
  const { id } = await client.objective("Doomed", { "A number": 5 });
  const v = await open({ person: max });
  await v.go("/");
  await v.card("Doomed").getByRole("button", { name: "Edit “A number”" }).click();
  await v.page.keyboard.type(" with care");
  await client.call("DELETE", `objectives/${id}`);
  await v.page.getByText("Ada Albright deleted this while you were at it").waitFor();
  await v.page.getByText("A number with care").waitFor();
  await v.accessible("deleted while it was edited");
  await v.button("Dismiss").click();
  await v.page.getByText("No objectives yet").waitFor();
});

visit("the service that checks permissions is away", async (open, { ada: client }) => {
  await client.objective("Behind the scenes");
  const v = await open({ person: ada });
  v.tolerate(/503/);
  await v.go("/");
  await v.card("Behind the scenes").waitFor();
  await v.page.route("**/api/v1/objectives?requestId=*", (route) => route.fulfill({
    status: 503, json: { error: { code: 503, status: "UNAVAILABLE", message: "x", reason: "AUTHZ_UNAVAILABLE", details: [] } },
  }));
  await v.button("New objective").click();
  await v.page.keyboard.type("Later");
  await v.page.keyboard.press("Enter");
  await v.page.getByText("The service that checks permissions does not answer. Nothing was changed").waitFor();
  assert.equal(await v.page.getByLabel("What do you want to achieve?").inputValue(), "Later");
});

visit("what is typed before a form is there is in the form, and Enter sends it", async (open, world) => {
  await world.ada.objective("Slow to load");
  const v = await open({ person: ada });
  let arrive;
  const late = new Promise((resolve) => { arrive = resolve; });
  await v.page.route("**/forms/{composer,editor}.js", async (route) => {
    await late;
    await route.continue();
  });
  await v.go("/");
  const card = v.card("Slow to load");
  await card.getByRole("button", { name: "Edit “Slow to load”" }).click();
  await v.page.keyboard.type("ing");
  await card.getByRole("button", { name: /^Add key result/ }).click();
  await v.page.keyboard.type("No key is lost");
  await v.page.keyboard.press("Enter");
  arrive();
  await card.getByRole("heading", { name: "No key is lost" }).waitFor();
  await card.getByRole("button", { name: "Save" }).click();
  await v.card("Slow to loading").waitFor();
});
