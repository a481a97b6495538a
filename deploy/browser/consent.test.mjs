// An application asks at /oauth/authorize, and somebody decides.

import assert from "node:assert/strict";
import { Application } from "./application.mjs";
import { ada, Client, emma, max } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

const scopes = "openid email profile read:okrs manage:objectives manage:krs report_kr_status";

const waiting = (v) => v.page.getByRole("heading", { name: "Back at the app" }).waitFor();

visit("sign in, look, allow: the application gets a code for exactly what was shown", async (open, { system }) => {
  const app = await Application.register(system, "Planning Agent");
  const v = await open({ size: phone });
  try {
    await v.go(app.ask(scopes));
    await v.page.getByText("An application asks for access to your objectives. Sign in to see").waitFor();
    await v.accessible("sign-in before consent");
    await v.page.getByLabel("E-mail address").fill(max.email);
    await v.page.keyboard.press("Enter");
    await v.page.getByLabel("Code").waitFor();
    await v.page.getByLabel("Code").fill(await system.code(max.email));
    await v.page.keyboard.press("Enter");
    await v.button("Enter Acme").click();
    await v.page.getByRole("heading", { name: "Let “Planning Agent” in?" }).waitFor();
    await v.focuses(/Let “Planning Agent” in/);
    const { host } = new URL(app.redirect);
    await v.page.getByText(host, { exact: true }).waitFor();
    await v.page.getByText("a program on this computer").waitFor();
    await v.page.locator(".account", { hasText: "max@acme.test" }).waitFor();
    await v.page.locator("[data-group=key_results]").waitFor();
    await v.page.getByText("manage:objectives", { exact: true }).waitFor();
    await v.accessible("consent");
    await v.fits("consent");
    await v.picture("consent-phone", { fullPage: true });
    const [allow, deny] = await Promise.all(["Allow", "Deny"].map((name) => v.button(name).boundingBox()));
    assert.deepEqual([allow.width, allow.height], [deny.width, deny.height], "both answers have the same weight");
    await v.button("Allow").click();
    await waiting(v);
    const [answer] = app.answers;
    assert.equal(answer.get("state"), app.state);
    const token = await app.token(answer.get("code"));
    const granted = token.scope.split(" ");
    assert.ok(granted.includes("manage:krs") && !granted.includes("manage:objectives"), token.scope);
  } finally { app.close(); }
});

visit("deny: the application is told, and gets nothing", async (open, { system }) => {
  const app = await Application.register(system, "Curious Agent");
  const v = await open({ person: ada, dark: true });
  try {
    await v.go(app.ask("read:okrs"));
    await v.page.getByRole("heading", { name: "Let “Curious Agent” in?" }).waitFor();
    await v.accessible("consent, dark");
    await v.picture("consent-desk-dark", { fullPage: true });
    await v.button("Deny").click();
    await waiting(v);
    assert.deepEqual([app.answers[0].get("error"), app.answers[0].get("state"), app.answers[0].get("code")], ["access_denied", app.state, null]);
  } finally { app.close(); }
});

visit("by Google, with the whole address kept", async (open, { system }) => {
  const app = await Application.register(system, "Google Agent");
  const v = await open();
  try {
    const path = app.ask("read:okrs");
    await v.go(path);
    await v.page.getByRole("link", { name: "Continue with Google" }).click();
    await v.page.getByRole("button", { name: /Emma Eriksen/ }).click();
    await v.button("Enter Acme").click();
    await v.page.getByRole("heading", { name: "Let “Google Agent” in?" }).waitFor();
    const url = new URL(v.page.url());
    const asked = new URL(path, system.url);
    assert.deepEqual([url.pathname, Object.fromEntries(url.searchParams)], [asked.pathname, Object.fromEntries(asked.searchParams)]);
    await v.button("Allow").click();
    await waiting(v);
    assert.ok(app.answers[0].get("code"));
  } finally { app.close(); }
});

visit("for another organization, and as somebody else", async (open, { system }) => {
  const app = await Application.register(system, "Moving Agent");
  const v = await open({ person: max });
  try {
    await v.go(app.ask("read:okrs report_kr_status"));
    const organization = (name) => v.page.locator(".account dd").getByText(name, { exact: true }).waitFor();
    await organization("Acme");
    await v.page.getByText("Switch", { exact: true }).click();
    await v.button("Enter Globex").click();
    await organization("Globex");
    await v.page.getByText("Switch", { exact: true }).click();
    await v.accessible("switching the account");
    await v.button("Sign in as somebody else").click();
    await v.page.getByText("An application asks for access to your objectives. Sign in to see").waitFor();
    assert.equal(new URL(v.page.url()).searchParams.get("state"), app.state);
  } finally { app.close(); }
});

visit("a request that cannot be answered is shown, and leads nowhere", async (open, { system }) => {
  const app = await Application.register(system, "Broken Agent");
  const v = await open({ person: ada, size: phone });
  v.tolerate(/40\d/);
  try {
    for (const [name, path, words] of [
      ["an unknown application", app.ask("read:okrs", { client_id: "nobody" }), "No application is registered"],
      ["another redirect", app.ask("read:okrs", { redirect_uri: "https://evil.example/take" }), "an address that it did not register"],
      ["a parameter twice", `${app.ask("read:okrs")}&client_id=other`, "incomplete or contradicts itself"],
    ]) {
      await v.go(path);
      await v.page.getByText(words).waitFor();
      await v.accessible(name);
      assert.equal(new URL(v.page.url()).origin, system.url, name);
      assert.equal(await v.button(/Allow|Deny|Go back/).count(), 0, name);
    }
    await v.go(app.ask("read:okrs", { code_challenge_method: "plain" }));
    await v.page.getByRole("heading", { name: "The application’s request is wrong" }).waitFor();
    await v.accessible("a refusal");
    await v.picture("consent-refused-phone");
    await v.button("Go back to the application").click();
    await waiting(v);
    assert.equal(app.answers[0].get("error"), "invalid_request");
  } finally { app.close(); }
});

visit("the browser goes only where an answer may be sent", async (open, { system }) => {
  const app = await Application.register(system, "Script Agent");
  const v = await open({ person: ada });
  try {
    await v.page.route("**/authorization:decide", (route) => route.fulfill({ json: { redirectUri: "javascript:document.title='taken'" } }));
    await v.go(app.ask("read:okrs"));
    await v.button("Allow").click();
    await v.page.getByText("not safe to open").waitFor();
    assert.notEqual(await v.page.title(), "taken");
  } finally { app.close(); }
});

visit("an application that is connected is listed, acts, and is disconnected", async (open, world) => {
  const { system } = world;
  await Client.agent(system, emma, "Weekly Reporter", ["read:okrs", "report_kr_status"]);
  const v = await open({ person: emma, size: desk });
  await v.go("/agents");
  const card = v.card("“Weekly Reporter”");
  await card.getByRole("heading", { name: /key results/i }).waitFor();
  await card.getByRole("button", { name: "Disconnect “Weekly Reporter”" }).click();
  await v.page.getByRole("dialog").getByRole("button", { name: "Keep" }).click();
  await card.getByRole("button", { name: "Disconnect “Weekly Reporter”" }).click();
  await v.page.getByRole("dialog").getByRole("button", { name: "Disconnect" }).click();
  await v.page.getByText("No agent is connected").waitFor();
  await v.focuses(/^Connected agents$/);
});

visit("somebody whose session has ended decides after signing in again", async (open, { system }) => {
  const app = await Application.register(system, "Patient Agent");
  const v = await open({ person: emma });
  v.tolerate(/401/);
  try {
    await v.go(app.ask("read:okrs"));
    await v.page.getByRole("heading", { name: "Let “Patient Agent” in?" }).waitFor();
    await v.client.call("DELETE", "session");
    await v.button("Allow").click();
    const dialog = v.page.getByRole("dialog", { name: "Your session has ended" });
    await dialog.getByRole("button", { name: "Send me a code" }).click();
    await dialog.getByLabel("Code").waitFor();
    await dialog.getByLabel("Code").fill(await system.code(emma.email));
    await v.page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual(app.answers, []);
    v.tolerate(/400/);
    await v.button("Allow").click();
    await v.page.getByText("Have a look at it again").waitFor();
    await v.button("Try again").click();
    await v.page.getByRole("heading", { name: "Let “Patient Agent” in?" }).waitFor();
    await v.button("Allow").click();
    await waiting(v);
    assert.ok(app.answers[0].get("code"));
  } finally { app.close(); }
});
