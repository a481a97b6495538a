// Every feature by keyboard alone, and where the focus is at each step.

import assert from "node:assert/strict";
import { ada, max } from "./people.mjs";
import { phone } from "./visitor.mjs";
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
  await keyboard.press("Escape");
  await v.focuses(/^Add key result to/);
  await tabTo(v, /^Percent achieved/, { back: true });
  await keyboard.press("ControlOrMeta+a");
  await keyboard.type("50");
  await keyboard.press("Enter");
  await v.page.getByText("50 % to go").waitFor();
  assert.match(await v.focused(), /^Percent achieved/);
  await keyboard.press("ArrowUp");
  await keyboard.press("Escape");
  assert.equal(await v.page.getByLabel(/^Percent achieved/).inputValue(), "50");

  await tabTo(v, /^Edit “All by keyboard”/, { back: true });
  await keyboard.press("Enter");
  await keyboard.type(" alone");
  await keyboard.press("Enter");
  await v.page.getByRole("heading", { name: "All by keyboard alone" }).waitFor();
  await v.focuses(/^Edit “All by keyboard alone”$/);
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
  assert.equal(await v.page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await v.page.reload();
  assert.equal(await v.page.evaluate(() => document.documentElement.dataset.theme), "dark");
  const ground = await v.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(ground, "rgb(21, 22, 19)", "the choice is remembered and goes before the system's");
});
