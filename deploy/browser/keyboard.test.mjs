// Every feature by keyboard alone, and where the focus is at each step.

import assert from "node:assert/strict";
import { ada, emma, max } from "./people.mjs";
import { PNG } from "./tools.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

/** Goes on by Tab until something with this name has the focus, and fails if nothing ever has. */
async function tabTo(v, name, { back = false } = {}) {
  for (let i = 0; i < 60; i += 1) {
    await v.page.keyboard.press(back ? "Shift+Tab" : "Tab");
    const focused = await v.focused();
    if (name.test(focused)) {
      const visible = await v.page.evaluate(() => {
        const at = document.activeElement;
        const shows = at.matches("input[type=radio]") ? at.nextElementSibling : at;
        return getComputedStyle(shows).outlineStyle !== "none" || at.matches("h1, h2, h3");
      });
      assert.ok(visible, `the focus on ${name} is visible`);
      return;
    }
  }
  assert.fail(`no way by Tab to ${name}`);
}

visit("sign-in, editor, menu and log-out by keyboard alone", async (open, { system }) => {
  const v = await open();
  const { keyboard } = v.page;
  await v.go("/");
  await v.page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  await tabTo(v, /Skip to the content/);
  await keyboard.press("Enter");
  await tabTo(v, /E-mail address/);
  await keyboard.type(ada.email);
  await keyboard.press("Enter");
  await v.page.getByLabel("Code").waitFor();
  await v.page.waitForFunction(() => document.activeElement?.matches("input"));
  await keyboard.type(await system.code(ada.email));
  await keyboard.press("Enter");
  await v.page.getByRole("heading", { name: "Choose an organization" }).waitFor();
  await tabTo(v, /^Enter Acme/);
  await keyboard.press("Enter");
  await v.page.getByText("No objectives yet").waitFor();

  await tabTo(v, /^New objective/);
  await keyboard.press("Space");
  await keyboard.type("No mouse needed");
  await keyboard.press("Enter");
  await v.card("No mouse needed").waitFor();
  await v.focuses(/^No mouse needed$/);
  await tabTo(v, /^Add key result to/);
  await keyboard.press("Enter");
  await keyboard.type("All by keyboard");
  await keyboard.press("Enter");
  await v.page.getByRole("heading", { name: "All by keyboard" }).waitFor();
  await v.empty(v.page.getByLabel("How will you know?"));
  await keyboard.press("Escape");
  await v.focuses(/^Add key result to/);
  await tabTo(v, /^Percent achieved/, { back: true });
  await keyboard.press("ControlOrMeta+a");
  await keyboard.type("50");
  await keyboard.press("Enter");
  await v.page.getByText("50 % to go").waitFor();
  await v.focuses(/^Percent achieved/);
  await v.hears(/“All by keyboard” is at 50/);
  await keyboard.press("ArrowUp");
  await keyboard.press("Escape");
  await v.until(async () => assert.equal(await v.page.getByLabel(/^Percent achieved/).inputValue(), "50"));

  await tabTo(v, /^Edit “All by keyboard”/, { back: true });
  await keyboard.press("Enter");
  await keyboard.type(" alone");
  await keyboard.press("Enter");
  await v.page.getByRole("heading", { name: "All by keyboard alone" }).waitFor();
  await v.focuses(/^Edit “All by keyboard alone”$/);
  await v.hears(/Saved/);
  await tabTo(v, /^Delete “All by keyboard alone”/);
  await keyboard.press("Enter");
  await v.page.getByRole("dialog").waitFor();
  await v.focuses(/^Keep$/); // the safe answer
  await keyboard.press("Escape");
  await v.page.getByRole("dialog").waitFor({ state: "detached" });
  await v.focuses(/^Delete “All by keyboard alone”$/);
  await keyboard.press("Enter");
  await v.focuses(/^Keep$/);
  await keyboard.press("Tab");
  await v.focuses(/^Delete key result$/);
  await keyboard.press("Enter");
  await v.page.getByRole("heading", { name: "All by keyboard alone" }).waitFor({ state: "detached" });
  await v.focuses(/^No mouse needed$/);

  await tabTo(v, /account menu/, { back: true });
  await keyboard.press("Enter");
  await tabTo(v, /All organizations/);
  await keyboard.press("Escape");
  await v.focuses(/account menu/);
  const listed = v.page.waitForResponse(/session\/organizations$/); // which would be refused once nobody is signed in
  await keyboard.press("Enter");
  await listed;
  await tabTo(v, /Log out/);
  await keyboard.press("Enter");
  await v.page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
});

visit("the navigation, the colours, and why something cannot be done, by keyboard alone", async (open) => {
  const v = await open({ person: max, size: phone });
  const { keyboard } = v.page;
  await v.go("/");
  await v.page.getByText("No objectives yet").waitFor();
  await tabTo(v, /^Help$/);
  await keyboard.press("Enter");
  await v.page.getByRole("heading", { name: "About and help" }).waitFor();
  await v.focuses(/^About and help$/);
  await tabTo(v, /^Copy the MCP address/);
  await keyboard.press("Enter");
  await v.hears(/Copied/);
  assert.equal(await v.page.evaluate(() => navigator.clipboard.readText()), `${v.system.url}/mcp`);
  await v.page.goBack();
  await v.page.getByText("No objectives yet").waitFor();
  await tabTo(v, /^New objective/);
  await v.page.locator(".tip", { hasText: "Your role (Manager) cannot add objectives." }).waitFor();
  await keyboard.press("Escape");
  await v.page.locator(".tip").waitFor({ state: "hidden" });
  await keyboard.press("Enter");
  await v.hears(/Your role .Manager. cannot add objectives/);
  await tabTo(v, /^Auto/);
  await keyboard.press("ArrowRight");
  await keyboard.press("ArrowRight");
  const isDark = () => v.until(async () => assert.equal(await v.page.evaluate(() => document.documentElement.dataset.theme), "dark"));
  await isDark();
  await v.page.reload();
  await isDark();
  const ground = () => v.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await v.until(async () => assert.equal(await ground(), "rgb(21, 22, 19)", "the choice is remembered and goes before the system's"));
});

/** Whether the outline of something is seen beside its left edge: what is around it may cut it off. */
async function outlined(v, locator) {
  const { x, y, colour } = await locator.evaluate((element) => {
    const { left, top, height } = element.getBoundingClientRect();
    return { x: Math.round(left), y: Math.round(top + height / 2), colour: getComputedStyle(element).outlineColor };
  });
  const { data } = PNG.sync.read(await v.page.screenshot({ clip: { x: x - 8, y, width: 16, height: 1 } }));
  const pixels = Array.from({ length: data.length / 4 }, (_, i) => `rgb(${data.subarray(4 * i, 4 * i + 3).join(", ")})`);
  return pixels.includes(colour);
}

const at = (v, path) => v.page.waitForFunction((wanted) => location.pathname === wanted && document.activeElement?.matches("h1"), path);

visit("single keys go to views, make, search and walk through lists", async (open, { ada: client }) => {
  await client.objective("Older", { "A number": 10 });
  await client.objective("Newer");
  const v = await open({ person: ada });
  const { keyboard } = v.page;
  await v.go("/");
  await v.card("Newer").waitFor();
  await v.hasShortcuts();
  const places = { c: "/check-ins", a: "/activity", p: "/proposals", m: "/members", s: "/settings", e: "/agents", h: "/about", o: "/" };
  for (const [key, path] of Object.entries(places)) {
    await keyboard.press("g");
    await keyboard.press(key);
    await at(v, path);
  }
  await v.card("Newer").waitFor();
  await keyboard.press("j");
  await v.focuses(/^Newer$/);
  await keyboard.press("j");
  await v.focuses(/^Older$/);
  const seen = (name) => outlined(v, v.card(name));
  await v.until(async () => assert.deepEqual([await seen("Older"), await seen("Newer")], [true, false], "where the focus is can be seen"));
  await v.picture("keys-list");
  await keyboard.press("j");
  await keyboard.press("k");
  await v.focuses(/^Newer$/);
  await keyboard.press("/");
  await v.focuses(/^Words$/);
  await keyboard.type("old");
  await v.card("Newer").waitFor({ state: "detached" });
  await keyboard.press("Tab"); // out of the field
  await keyboard.press("g");
  await keyboard.press("m");
  await at(v, "/members");
  await keyboard.press("/");
  await v.focuses(/^Part of the e-mail address$/);
  await keyboard.press("Tab");
  await keyboard.press("n"); // from elsewhere
  await v.focuses(/^What do you want to achieve\?$/);
  await keyboard.type("Nngo?/jk"); // typed, and nothing else
  await keyboard.press("Enter");
  await v.card("Nngo?/jk").waitFor();
  await v.focuses(/^Nngo\?\/jk$/);
  await v.button("Filter").focus();
  for (const key of ["Control+g", "Alt+n", "Meta+j"]) await keyboard.press(key);
  await keyboard.press("g");
  await keyboard.press("x"); // leads nowhere, and is no other shortcut
  await v.focuses(/^Filter/);
  assert.equal(new URL(v.page.url()).pathname, "/");
});

visit("a letter that belongs to two keys is not for what has the focus", async (open, { ada: client }) => {
  const { id } = await client.objective("Stay");
  await client.call("PATCH", `objectives/${id}?mode=WRITE_MODE_PROPOSE`, { title: "Go" }).catch(() => {});
  const v = await open({ person: ada });
  await v.go("/proposals");
  const card = v.page.getByRole("article");
  await card.waitFor();
  await v.hasShortcuts();
  await v.page.keyboard.press("j");
  await card.and(v.page.locator(":focus")).waitFor();
  await v.page.keyboard.press("g");
  await v.page.keyboard.press("a"); // to the activity; alone it approves
  await at(v, "/activity");
  const { proposals: [proposal] } = await client.call("GET", "proposals");
  assert.equal(proposal.state, "PROPOSAL_STATE_OPEN");
});

for (const [width, size, dark] of [["phone", phone, true], ["desk", desk, false]]) {
  visit(`shortcuts are listed and can be turned off (${width})`, async (open, { ada: client }) => {
    await client.objective("There is something");
    const v = await open({ person: emma, size, dark });
    const { page } = v;
    const { keyboard } = page;
    await v.go("/");
    await v.card("There is something").waitFor();
    await v.hasShortcuts();
    await keyboard.press("n");
    await v.hears(/Your role .Employee. cannot add objectives/);
    await page.locator(".tip", { hasText: "Your role (Employee) cannot add objectives." }).waitFor();
    await keyboard.press("?");
    const sheet = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await sheet.waitFor();
    await keyboard.press("g");
    await keyboard.press("a"); // nothing in a dialog
    await v.accessible(`the list of shortcuts (${width})`);
    await v.fits(`the list of shortcuts (${width})`);
    await v.picture(`keys-${width}`);
    await keyboard.press("Escape");
    await sheet.waitFor({ state: "detached" });
    assert.equal(new URL(page.url()).pathname, "/");
    await v.focuses(/^New objective$/);

    await v.button(/account menu/).click();
    await v.picture(`keys-menu-${width}`);
    await v.button("Keyboard shortcuts").click();
    await sheet.getByLabel("Single keys are shortcuts").uncheck();
    await v.hears(/Shortcuts are off/);
    await sheet.getByRole("button", { name: "Close" }).click();
    await v.focuses(/account menu/);
    for (const key of ["?", "g", "c", "j", "/"]) await keyboard.press(key);
    await page.reload();
    await v.card("There is something").waitFor();
    await page.waitForFunction(() => [...document.styleSheets].some((sheet) => sheet.href?.endsWith("/keys.css")));
    for (const key of ["?", "g", "c", "j", "/"]) await keyboard.press(key);
    await page.waitForTimeout(100);
    assert.equal(new URL(page.url()).pathname, "/");
    assert.equal(await sheet.count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement === document.body), true);
    await v.button(/account menu/).click();
    await v.button("Keyboard shortcuts").click();
    await sheet.getByLabel("Single keys are shortcuts").check();
    await keyboard.press("Escape");
    await keyboard.press("g");
    await keyboard.press("c");
    await at(v, "/check-ins");
  });
}
