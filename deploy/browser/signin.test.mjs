// Ways in, between organizations, and out.

import assert from "node:assert/strict";
import { acme, emma, max } from "./people.mjs";
import { phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

visit("a code by e-mail leads to the objectives", async (open, { system }) => {
  const v = await open();
  const { page } = v;
  await v.go("/");
  await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  await v.button("Send me a code").click();
  await page.getByText("Write a whole e-mail address").waitFor();
  await page.getByLabel("E-mail address").fill("ada@acme.test");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Enter the code" }).waitFor();
  v.tolerate(/400 \(Bad Request\)/);
  await page.getByLabel("Code").fill("000000");
  await page.keyboard.press("Enter");
  await page.getByText("This code is wrong, was used before, or has expired").waitFor();
  assert.equal(await page.getByLabel("Code").inputValue(), "000000", "what was typed is kept");
  await page.getByLabel("Code").fill(await system.code("ada@acme.test"));
  await page.keyboard.press("Enter");
  await page.getByText("Signed in as ada@acme.test").waitFor();
  await v.button("Enter Acme").click();
  await page.getByRole("heading", { name: "Objectives", exact: true }).waitFor();
  await v.focuses(/^Objectives$/);
  await page.reload();
  await page.getByText("No objectives yet").waitFor();
});

visit("Continue with Google leads back to the address that was opened", async (open) => {
  const v = await open({ size: phone });
  await v.go("/organizations");
  await v.page.getByRole("link", { name: "Continue with Google" }).click();
  await v.page.getByRole("button", { name: /Max Moreau/ }).click();
  await v.page.getByRole("heading", { name: "Choose an organization" }).waitFor();
  await v.button("Enter Globex").click();
  await v.page.getByRole("heading", { name: "Your organizations" }).waitFor();
  await v.page.waitForURL("**/organizations");
});

visit("single sign-on by the short name of the organization", async (open) => {
  const v = await open();
  await v.go("/");
  await v.page.getByText("Single sign-on of your organization").click();
  await v.button("Go on").click();
  await v.page.getByText("Write the short name first").waitFor();
  await v.page.getByLabel("Short name of your organization").fill("acme");
  await v.page.keyboard.press("Enter");
  await v.page.getByRole("button", { name: /Emma Eriksen/ }).click();
  await v.page.getByRole("heading", { name: "Objectives", exact: true }).waitFor();
});

visit("somebody new creates an organization and administers it", async (open, { system }) => {
  const v = await open();
  const { page } = v;
  await v.go("/signin");
  await page.getByLabel("E-mail address").fill("noor@example.test");
  await page.keyboard.press("Enter");
  await page.getByLabel("Code").waitFor();
  await page.getByLabel("Code").fill(await system.code("noor@example.test"));
  await page.keyboard.press("Enter");
  await page.getByText("There is none yet that you can enter").waitFor();
  await v.button("Create").click();
  await page.getByText("Write something first").waitFor();
  await page.getByLabel("Create an organization").fill("Ziggurat");
  await page.keyboard.press("Enter");
  await page.getByText("No objectives yet").waitFor();
  await page.waitForURL(`${system.url}/`);
  await v.button(/account menu/).click();
  await page.getByText("CEO at Ziggurat").waitFor();
});

visit("the menu switches between organizations, and logs out", async (open) => {
  const v = await open({ person: max });
  const { page } = v;
  await v.go("/");
  await v.button("Max Moreau Acme account menu").click();
  await page.getByText("Manager at Acme").waitFor();
  await v.button("Switch to Globex").click();
  await v.button("Max Moreau Globex account menu").click();
  await page.getByText("Employee at Globex").waitFor();
  await page.getByRole("link", { name: "All organizations, or a new one" }).click();
  await page.getByText("You are here").waitFor();
  await v.button("Enter Acme").click();
  await v.button("Max Moreau Acme account menu").click();
  await v.button("Log out").click();
  await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  v.tolerate(/401/);
  await page.reload();
  await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
});

visit("whoever logs out in one tab is out in the others, which show nothing any more of what was there", async (open, { ada: client }) => {
  await client.objective("Seen by nobody who comes after", { "Nor this": 10 });
  const v = await open({ person: max });
  v.tolerate(/401/);
  await v.go("/");
  const other = await v.context.newPage();
  await other.goto(v.page.url());
  const title = other.getByText("Seen by nobody who comes after");
  await title.first().waitFor();
  await v.button(/account menu/).click();
  await v.button("Log out").click();
  await other.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  assert.equal(await title.count(), 0);
  assert.equal(await other.getByRole("dialog").count(), 0, "they are not told that the session has ended: somebody ended it");
  assert.deepEqual(await other.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith("okr-drafts"))), []);
});

visit("whoever switches in one tab has done so in the others, which show what is there", async (open, { ada: client }) => {
  await client.objective("Of Acme alone", { "This too": 10 });
  const v = await open({ person: max });
  await v.go("/");
  const other = await v.context.newPage();
  await other.goto(v.page.url());
  await other.getByText("Of Acme alone").first().waitFor();
  await v.button(/account menu/).click();
  await v.button("Switch to Globex").click();
  await v.button("Max Moreau Globex account menu").waitFor();
  await other.getByRole("button", { name: "Max Moreau Globex account menu" }).waitFor();
  assert.equal(await other.getByText("Of Acme alone").count(), 0);
});

visit("whoever has logged out is not told that the session has ended by what comes back late", async (open) => {
  const v = await open({ person: max });
  const { page } = v;
  v.tolerate(/401/);
  let go;
  const told = new Promise((resolve) => { go = resolve; });
  await page.route("**/api/v1/members?*", async (route) => {
    await told;
    await route.continue();
  });
  await v.go("/");
  await v.button(/account menu/).click();
  await v.button("Log out").click();
  await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  const late = page.waitForResponse("**/api/v1/members?*");
  go();
  assert.equal((await late).status(), 401);
  await page.getByLabel("E-mail address").fill(max.email);
  await page.keyboard.press("Enter");
  await page.getByLabel("Code").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
});

visit("a link that was not started in this browser asks first, and then leads in", async (open, { ada: client, system }) => {
  await client.call("POST", "members:invite", { emailAddress: "nia@acme.test", displayName: "Nia Novak" });
  const { messages: [message] } = await system.provider("GET", "/_dev/outbox?format=json&to=nia@acme.test");
  const v = await open({ size: phone });
  await v.page.goto(JSON.stringify(message).match(/http:[^"\\ ]+token=[^"\\ ]+/)[0]);
  await v.page.getByRole("heading", { name: "Sign in with this link?" }).waitFor();
  await v.accessible("a link from elsewhere");
  await v.fits("a link from elsewhere");
  await v.button("Sign in").click();
  await v.button("Nia Novak Acme account menu").waitFor();
});

visit("an organization that takes single sign-on alone says so and leads there", async (open, { system }) => {
  await system.provider("PUT", `/v1/b2b/organizations/${acme}`, { auth_methods: "RESTRICTED", allowed_auth_methods: ["sso"] });
  const v = await open();
  const { page } = v;
  await v.go("/about");
  await v.go("/members");
  await page.getByLabel("E-mail address").fill(emma.email);
  await page.keyboard.press("Enter");
  await page.getByLabel("Code").waitFor();
  await page.getByLabel("Code").fill(await system.code(emma.email));
  await page.keyboard.press("Enter");
  await v.button("Enter Acme").click();
  await page.getByRole("heading", { name: "Acme asks for another way to sign in" }).waitFor();
  await v.accessible("another way to sign in");
  await page.getByRole("link", { name: "Sign in with Acme’s single sign-on" }).click();
  await page.getByRole("button", { name: /Emma Eriksen/ }).click();
  await page.getByRole("heading", { name: "Members", exact: true }).waitFor();
});

visit("an invitation into an organization that takes single sign-on alone leads there", async (open, { ada: client, system }) => {
  await client.call("POST", "members:invite", { emailAddress: "nia@acme.test", displayName: "Nia Novak" });
  await system.provider("PUT", `/v1/b2b/organizations/${acme}`, { auth_methods: "RESTRICTED", allowed_auth_methods: ["sso"] });
  const { messages: [message] } = await system.provider("GET", "/_dev/outbox?format=json&to=nia@acme.test");
  const link = JSON.stringify(message).match(/http:[^"\\ ]+token=[^"\\ ]+/)[0];
  const v = await open({ size: phone });
  const { page } = v;
  await page.goto(link);
  await v.button("Sign in").click();
  await page.getByRole("heading", { name: "Acme asks for another way to sign in" }).waitFor();
  await v.until(async () => assert.equal(page.url(), `${system.url}/signin`, "nothing stays in the address"));
  await v.accessible("an invitation that is not enough");
  await v.fits("an invitation that is not enough");
  await v.picture("invitation-not-enough-phone");
  await page.getByRole("link", { name: "Sign in with Acme’s single sign-on" }).click();
  await page.getByLabel(/e-?mail/i).fill("nia@acme.test");
  await page.keyboard.press("Enter");
  await v.button("Nia Novak Acme account menu").waitFor();

  // The link was used: somebody who is signed in is told, and stays signed in.
  await page.goto(link);
  await v.button("Sign in").click();
  await page.getByText("This sign-in link does not work").waitFor();
  await page.getByRole("heading", { name: "Objectives", exact: true }).waitFor();
  await v.accessible("a link that was used, signed in");
  await v.picture("link-used-phone");
  await v.button("Dismiss").click();
  await page.getByText("This sign-in link does not work").waitFor({ state: "detached" });
});

visit("a sign-in that fails elsewhere says so in the app, and goes on from there", async (open, { system }) => {
  const v = await open({ dark: true });
  const { page } = v;
  await v.go("/signin/sso?organization=nowhere&return=/members");
  await page.getByText("There is no organization of this name with single sign-on").waitFor();
  await v.accessible("no single sign-on");
  await v.picture("signin-problem-desk-dark");
  await v.until(async () => assert.equal(page.url(), `${system.url}/signin?return=%2Fmembers`));
  await page.reload();
  await page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
  assert.equal(await page.getByText("There is no organization of this name").count(), 0, "it is said once");
  await page.getByRole("link", { name: "Continue with Google" }).click();
  await page.getByRole("button", { name: /Emma Eriksen/ }).click();
  await v.button("Enter Acme").click();
  await page.getByRole("heading", { name: "Members", exact: true }).waitFor();
});

// Whoever makes up an address puts no words on our page, and leads nobody elsewhere.
visit("an address that tells of a problem tells nothing else", async (open, { system }) => {
  const v = await open();
  await v.go(`/signin?problem=${encodeURIComponent("<b>Call 555-0100</b>")}&number=555-0100&return=${encodeURIComponent("https://evil.example/")}`);
  await v.page.getByText("Something went wrong on our side").waitFor();
  assert.equal(await v.page.getByText("555-0100").count(), 0);
  const href = await v.page.getByRole("link", { name: "Continue with Google" }).getAttribute("href");
  assert.equal(href, "/signin/google?return=%2F");
  await v.go("/signin?problem=constructor");
  await v.page.getByText("Something went wrong on our side").waitFor();
  await v.go("/signin?problem=SECOND_FACTOR");
  await v.page.getByText("asks for a second factor").waitFor();
  await v.until(async () => assert.equal(v.page.url(), `${system.url}/signin`));
});
