// Every view and dialog, at the width of a phone and of a desk, light and dark: no barrier that axe can find, nothing
// wider than the page, and a picture.

import assert from "node:assert/strict";
import { ada, Client, emma } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

const looks = [["phone", phone], ["desk", desk]];

/** Opens a view and waits until it is there. */
const views = {
  objectives: async (v) => { await v.go("/"); await v.page.getByRole("article").first().waitFor(); },
  "check-ins": async (v) => { await v.go("/check-ins"); await v.page.getByRole("heading", { name: "Customers who renew early" }).waitFor(); },
  activity: async (v) => { await v.go("/activity"); await v.page.locator(".changes > li").first().waitFor(); },
  proposals: async (v) => { await v.go("/proposals"); await v.page.getByRole("article").first().waitFor(); },
  members: async (v) => { await v.go("/members"); await v.page.getByText("max@acme.test").waitFor(); },
  settings: async (v) => { await v.go("/settings"); await v.page.getByText("Acme Workforce").waitFor(); await v.page.getByText("Ways to sign in").waitFor(); },
  agents: async (v) => { await v.go("/agents"); await v.page.getByRole("heading", { name: "“Planner”", level: 2 }).waitFor(); },
  about: async (v) => { await v.go("/about"); await v.page.getByRole("heading", { name: "Connect an AI agent" }).waitFor(); },
  organizations: async (v) => { await v.go("/organizations"); await v.page.getByText("You are here").waitFor(); },
};

/** Opens a dialog or a form from a view; Escape, or the same again, closes it. */
const openings = {
  objectives: [
    ["new-objective", /^New objective/], ["new-key-result", /^Add key result to “Make/], ["edit-title", /^Edit “Make/],
    ["delete-objective", /^Delete “Make/], ["close-objective", /^Close with a score: Make/], ["history", /^History of “Make/],
    ["check-in", /^Check in on “Customers/], ["account-menu", /account menu/],
  ],
  members: [["invite", /^Invite somebody/], ["edit-member", /^Edit Max Moreau/], ["deactivate", /^Deactivate Emma Eriksen/]],
  settings: [["add-connection", /^Add connection/], ["configure-connection", /^Configure Acme/], ["delete-connection", /^Delete Acme/]],
  agents: [["disconnect", /^Disconnect “Planner”/], ["undo-agent", /^Undo what “Planner” did/]],
};

const opened = "dialog, form.editor, .panel:not([hidden]), form.configure";

/** What has to hold wherever somebody is, in both colours. */
async function check(v, where, options) {
  for (const colorScheme of ["light", "dark"]) {
    await v.page.emulateMedia({ colorScheme });
    await v.accessible(`${where}, ${colorScheme}`);
    if ((colorScheme === "dark") === where.endsWith("phone")) await v.picture(`${where}-${colorScheme}`, options);
  }
  await v.fits(where);
}

async function fill(client, system) {
  await client.objective("Make planning something people look forward to", {
    "Nine of ten teams review their numbers every week": 72, "Median time from idea to objective under a day": 40,
    "A satisfaction of 4.5 of 5 in the autumn survey": 0,
  });
  await client.objective("Be the tool that agents and people both trust", {
    "Five different MCP clients connect without help": 100, "No write is ever lost": 85,
  });
  const { id } = await client.call("POST", "objectives", { title: "Keep whom we have", description: "They are worth it.", ownerId: ada.id, cycle: String(new Date().getUTCFullYear()) });
  const kr = await client.call("POST", `objectives/${id}/keyResults`, { title: "Customers who renew early", startValue: "20", targetValue: "80", unit: "customers", ownerId: ada.id, weight: 2 });
  await client.call("POST", `keyResults/${kr.id}/checkIns`, { value: "45", confidence: "CONFIDENCE_AT_RISK", note: "Two wait.", evidence: [{ url: "https://example.com/renewals" }] });
  const closed = await client.objective("Be found by those who look", { "Ten mentions": 60 });
  await client.call("POST", `objectives/${closed.id}:close`, { score: "0.6", closingNote: "Six of ten." });
  const planner = await Client.agent(system, ada, "Planner", ["read:okrs", "manage:krs"]);
  await planner.call("POST", `keyResults/${closed.keyResults[0].id}/checkIns`, { value: "60" });
  await client.call("PATCH", `objectives/${id}?mode=WRITE_MODE_PROPOSE`, { title: "Keep everybody", description: "They are all worth it." });
}

for (const [width, size] of looks) {
  visit(`every view and dialog of a ${width}`, async (open, world) => {
    await fill(world.ada, world.system);
    const v = await open({ person: ada, size });
    for (const [name, show] of Object.entries(views)) {
      await show(v);
      await check(v, `${name}-${width}`, { fullPage: true });
      for (const [opening, button] of openings[name] ?? []) {
        await v.button(button).first().click();
        await v.page.locator(opened).first().waitFor();
        await check(v, `${opening}-${width}`);
        if (opening.startsWith("configure")) await v.button(button).click();
        else await v.page.keyboard.press("Escape");
        await v.page.locator(opened).first().waitFor({ state: "hidden" });
      }
    }
  });

  visit(`signing in, and the pages of the server, on a ${width}`, async (open, { system }) => {
    const v = await open({ size });
    await v.go("/signin");
    await v.page.getByLabel("E-mail address").waitFor();
    await check(v, `signin-${width}`);
    await v.page.getByLabel("E-mail address").fill(emma.email);
    await v.page.keyboard.press("Enter");
    await v.page.getByLabel("Code").waitFor();
    await check(v, `code-${width}`);
    await v.page.getByLabel("Code").fill(await system.code(emma.email));
    await v.page.keyboard.press("Enter");
    await v.button("Enter Acme").waitFor();
    await check(v, `choose-${width}`);
    v.tolerate(/404 \(Not Found\)/);
    await v.go("/nope");
    await v.page.getByRole("heading", { name: "There is nothing here" }).waitFor();
    await check(v, `nope-${width}`);
    await v.go("/docs");
    await v.page.getByRole("heading", { name: "REST API", exact: true }).waitFor();
    await v.accessible(`docs-${width}`); // in one colour: it is long
    await v.fits(`docs-${width}`);
  });
}

/** Where everything stands in a view. */
const layout = ({ page }) => page.evaluate(() => [...document.querySelectorAll("main *")].map((one) => {
  const { left, top, width, height } = one.getBoundingClientRect();
  return [one.tagName, one.className, ...[left, top + scrollY, width, height].map(Math.round)].join(" ");
}));

visit("how a view looks does not depend on where somebody has been before", async (open, world) => {
  await fill(world.ada, world.system);
  const [travelled, fresh] = [await open({ person: ada }), await open({ person: ada })];
  const now = new Date();
  for (const { page } of [travelled, fresh]) await page.clock.setFixedTime(now);
  const paths = { objectives: "/", "check-ins": "/check-ins", activity: "/activity", proposals: "/proposals", members: "/members", settings: "/settings", agents: "/agents", about: "/about" };
  const { page } = travelled;
  const go = async (name) => {
    await page.getByRole("navigation", { name: "Main" }).locator(`a[href="${paths[name]}"]`).click();
    await views[name]({ page, go: () => page.waitForURL(`**${paths[name]}`) });
  };
  await views.objectives(travelled);
  for (const name of Object.keys(paths)) await go(name);
  for (const name of Object.keys(paths)) {
    await go(name);
    await views[name](fresh);
    await fresh.hasShortcuts(); // and with them the styles that come last
    await fresh.until(async () => assert.deepEqual(await layout(travelled), await layout(fresh), name));
  }
});

visit("empty states say what comes next", async (open) => {
  for (const [person, words] of [[ada, "Add the first one above"], [emma, "Somebody whose role allows it can add the first one"]]) {
    const v = await open({ person });
    await v.go("/");
    await v.page.getByText(words).waitFor();
    await v.picture(`empty-${person.email}`);
  }
  const v = await open({ person: ada, size: phone });
  await v.go("/agents");
  await v.page.getByText("No agent is connected").waitFor();
  await v.accessible("no agents");
  await v.page.getByRole("link", { name: "How to connect an agent" }).click();
  await v.page.getByRole("heading", { name: "About and help" }).waitFor();
});

visit("nothing moves while it is loading, and what is loading is said", async (open, world) => {
  await fill(world.ada, world.system);
  const v = await open({ person: ada });
  await v.page.addInitScript(() => {
    globalThis.shift = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) globalThis.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  await v.page.route("**/api/v1/objectives?*", async (route) => {
    await new Promise((resolve) => { setTimeout(resolve, 400); });
    await route.continue();
  });
  await v.go("/");
  await v.page.getByText("Loading objectives").waitFor();
  await v.picture("loading-desk-light");
  await v.page.getByRole("article").first().waitFor();
  const shift = await v.page.evaluate(() => globalThis.shift);
  assert.ok(shift < 0.1, `the layout shifts by ${shift}; less than 0.1 is good`);
});

visit("forced colours, large text and print keep what counts", async (open, world) => {
  await fill(world.ada, world.system);
  const v = await open({ person: ada, size: { width: 640, height: 900 } });
  await v.page.emulateMedia({ forcedColors: "active" });
  await views.objectives(v);
  await v.picture("forced-colors");
  await v.page.emulateMedia({ forcedColors: "none" });
  await v.page.evaluate(() => { document.documentElement.style.fontSize = "200%"; });
  await v.fits("text at 200 %");
  await v.picture("large-text", { fullPage: true });
  await v.page.evaluate(() => { document.documentElement.style.fontSize = ""; });
  await v.page.emulateMedia({ media: "print", colorScheme: "dark" });
  await v.button("New objective").waitFor({ state: "hidden" });
  await v.page.getByText("Make planning something people look forward to").waitFor();
  await v.picture("print", { fullPage: true });
});
