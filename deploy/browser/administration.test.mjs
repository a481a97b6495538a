// Members, settings and single sign-on: what administrators do, and what others see of it.

import assert from "node:assert/strict";
import { acme, ada, Client, emma, max } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`the CEO invites, gives roles, deactivates and brings back (${width})`, async (open, { system }) => {
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/members");
    const row = (name) => page.getByRole("listitem").filter({ hasText: name });
    await row("Max Moreau").getByText("Manager").waitFor();
    await v.button("Invite somebody").click();
    const invite = page.getByRole("dialog", { name: "Invite somebody" });
    await invite.getByRole("button", { name: "Send invitation" }).click();
    await invite.getByText("Write a whole e-mail address").waitFor();
    await invite.getByLabel("E-mail address").fill("nia@acme.test");
    await invite.getByLabel("Name (optional)").fill("Nia Novak");
    await invite.getByLabel(/^Manager/).check();
    await invite.getByRole("button", { name: "Send invitation" }).click();
    await row("Nia Novak").getByText("Invited").waitFor();
    await row("Nia Novak").getByText("Manager").waitFor();
    await v.button("Invite again: Nia Novak").click();
    await v.hears(/Another invitation is on its way to Nia Novak/);
    const { messages } = await system.provider("GET", "/_dev/outbox?format=json&to=nia@acme.test");
    assert.equal(messages.length, 2);

    await v.button("Edit Emma Eriksen").click();
    const edit = page.getByRole("dialog", { name: "Edit Emma Eriksen" });
    await edit.getByLabel("Name").fill("Emma Eriksson");
    await edit.getByLabel(/^Manager/).check();
    await edit.getByRole("button", { name: "Save" }).click();
    await row("Emma Eriksson").getByText("Manager").waitFor();
    assert.equal(await v.button("Deactivate Ada Albright").getAttribute("data-tip"), "Nobody deactivates themselves. Another administrator can.");
    await v.button("Deactivate Emma Eriksson").click();
    await page.getByRole("dialog").getByRole("button", { name: "Deactivate" }).click();
    await row("Emma Eriksson").waitFor({ state: "detached" });
    await page.getByLabel("Deactivated", { exact: true }).check();
    await v.button("Bring back: Emma Eriksson").click();
    await v.hears(/Emma Eriksson is back/);
    await page.getByText("Nobody was deactivated").waitFor();
    await page.getByLabel("Current", { exact: true }).check();
    await row("Emma Eriksson").waitFor();
    await v.fits("members");
  });

  visit(`the manager invites and sees why nothing else; the employee sees names (${width})`, async (open) => {
    const v = await open({ person: max, size });
    await v.go("/members");
    await v.page.getByText("emma@acme.test").waitFor();
    const reason = /^Your role \(Manager\) does not allow this\. It takes the role CEO\.$/;
    assert.match(await v.button("Edit Emma Eriksen").getAttribute("data-tip"), reason);
    assert.match(await v.button("Deactivate Emma Eriksen").getAttribute("data-tip"), reason);
    await v.button("Invite somebody").click();
    const invite = v.page.getByRole("dialog");
    await invite.getByText("Your role (Manager) does not allow this").waitFor();
    await invite.getByLabel("E-mail address").fill("kim@acme.test");
    await v.page.keyboard.press("Enter");
    await v.page.getByRole("heading", { name: "kim@acme.test" }).waitFor();
    const w = await open({ person: emma, size });
    await w.go("/members");
    await w.page.getByRole("heading", { name: /Ada Albright/ }).waitFor();
    assert.equal(await w.page.getByText("ada@acme.test").count(), 0, "no addresses for employees");
    assert.match(await w.button("Invite somebody").getAttribute("data-tip"), /Your role \(Employee\) does not allow this/);
    await w.accessible("members, as employee");
  });

  visit(`the CEO changes the organization and how people sign in (${width})`, async (open, { system }) => {
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/settings");
    const name = page.getByRole("region", { name: "Organization" });
    await name.getByLabel("Name", { exact: true }).fill("Acme & Daughters");
    await name.getByRole("button", { name: "Save" }).click();
    await page.locator(".kicker", { hasText: "Acme & Daughters" }).waitFor();
    await v.hears(/Saved/);
    const rules = page.getByRole("region", { name: "Signing in" });
    await rules.getByRole("group", { name: "Ways to sign in" }).getByLabel("Only these").check();
    await rules.getByRole("button", { name: "Save" }).click();
    v.tolerate(/400/);
    await rules.getByRole("alert").waitFor();
    await rules.getByLabel("a code by e-mail").check();
    await rules.getByLabel("Google").check();
    await rules.getByLabel("E-mail domains of the organization").fill("acme.test, acme.example");
    await rules.getByLabel("Nobody: members are invited").check();
    await rules.getByRole("button", { name: "Save" }).click();
    await v.hears(/Saved/);
    const { organization } = await system.provider("GET", `/v1/b2b/organizations/${acme}`);
    assert.deepEqual(
      [organization.organization_name, organization.auth_methods, organization.allowed_auth_methods.toSorted(), organization.email_allowed_domains.toSorted(), organization.email_jit_provisioning],
      ["Acme & Daughters", "RESTRICTED", ["email_otp", "google_oauth"], ["acme.example", "acme.test"], "NOT_ALLOWED"]);
  });

  visit(`the CEO adds, configures and deletes a single sign-on connection (${width})`, async (open) => {
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/settings");
    const sso = page.getByRole("region", { name: "Single sign-on" });
    await sso.getByText("Acme Workforce").waitFor();
    await v.button("Add connection").click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("Okta of Acme");
    await dialog.getByLabel("OpenID Connect").check();
    await dialog.getByRole("button", { name: "Create" }).click();
    await sso.getByText("There is one once the connection is configured.").waitFor();
    const form = sso.locator("form.configure");
    await form.getByText("Redirect URL").waitFor();
    await form.getByLabel("Issuer").fill("https://idp.example.com");
    await form.getByLabel("Client id").fill("okr");
    await form.getByLabel("Client secret").fill("a secret");
    await form.getByRole("button", { name: "Save" }).click();
    await v.hears(/Saved/);
    await form.getByText("There is one. Write a new one to replace it.").waitFor();
    assert.equal(await form.getByLabel("Client secret").inputValue(), "");
    await v.accessible("a configured connection");
    await v.picture(`connection-${width}`, { fullPage: true });
    // The test link enters through this connection, which is not the one that the organization starts with.
    const link = await v.copies(v.button("Copy the test link of Okta of Acme"));
    const w = await open({ size });
    await w.page.goto(link);
    await w.page.getByText("Okta of Acme").first().waitFor();
    await w.page.getByLabel(/e-?mail/i).fill("emma@acme.test");
    await w.page.keyboard.press("Enter");
    await w.page.getByRole("heading", { name: "Objectives", exact: true }).waitFor();
    await v.fits("settings");
    await v.button("Delete Okta of Acme").click();
    await dialog.getByRole("button", { name: "Delete connection" }).click();
    await sso.getByRole("heading", { name: "Okta of Acme", exact: true }).waitFor({ state: "detached" });
    await v.focuses(/^Settings$/);
  });
}

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`the CEO sees a member's sessions and ends them, one and then all (${width})`, async (open, { system }) => {
    const sessions = [];
    for (let i = 0; i < 3; i++) sessions.push(await Client.signIn(system, emma));
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/members");
    await v.button("Sessions of Emma Eriksen").click();
    const dialog = page.getByRole("dialog", { name: "Sessions of Emma Eriksen" });
    await dialog.getByText("By a code by e-mail").nth(2).waitFor();
    await v.accessible("the sessions of a member");
    await v.fits("the sessions of a member");
    await v.picture(`sessions-${width}`);
    await dialog.getByRole("button", { name: /^End: By a code by e-mail, since/ }).first().click();
    await v.hears(/Session ended/);
    await dialog.getByText("By a code by e-mail").nth(2).waitFor({ state: "detached" });
    await v.focuses(/^Sessions of Emma Eriksen$/);
    const alive = () => Promise.all(sessions.map((s) => s.call("GET", "session").then(() => true, () => false)));
    assert.equal((await alive()).filter(Boolean).length, 2);
    await dialog.getByRole("button", { name: "End all" }).click();
    await v.hears(/All sessions ended/);
    await dialog.getByText("Not signed in anywhere.").waitFor();
    assert.deepEqual(await alive(), [false, false, false]);
    await page.keyboard.press("Escape");
    await v.focuses(/^Sessions of Emma Eriksen$/);
  });

  visit(`an employee ends their own other sessions, and sees why not those of others (${width})`, async (open, { system }) => {
    const elsewhere = [await Client.signIn(system, emma), await Client.signIn(system, emma)];
    const v = await open({ person: emma, size });
    const { page } = v;
    await v.go("/members");
    assert.equal(await v.button("Sessions of Ada Albright").getAttribute("data-tip"),
      "Your role (Employee) does not allow this. It takes the role CEO.");
    await v.button("Sessions of Emma Eriksen").click();
    const dialog = page.getByRole("dialog", { name: "Your sessions" });
    const here = dialog.getByRole("listitem").filter({ hasText: "This one" });
    await here.waitFor();
    assert.equal(await here.getByRole("button").count(), 0);
    await v.accessible("one's own sessions");
    await v.picture(`sessions-own-${width}`);
    await dialog.getByRole("button", { name: "End all others" }).click();
    await v.hears(/All other sessions ended/);
    await dialog.getByRole("listitem").nth(1).waitFor({ state: "detached" });
    for (const session of elsewhere) await assert.rejects(session.call("GET", "session"), /TOKEN_INVALID/);
    await page.reload();
    await v.button("Sessions of Emma Eriksen").waitFor(); // still signed in
  });
}

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`the CEO says which applications members connect; what is not let in is disconnected (${width})`, async (open, { system }) => {
    const good = await Client.agent(system, emma, "Good agent", ["read:okrs"]);
    const bad = await Client.agent(system, emma, "Bad agent", ["read:okrs"]);
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/settings");
    const rules = page.getByRole("region", { name: "Signing in" });
    const apps = rules.getByRole("group", { name: "Applications of others, agents among them", exact: true });
    await apps.getByLabel("Only these").check();
    await apps.getByText("None is chosen, so none can be connected.").waitFor();
    await apps.getByLabel("Good agent").check();
    await rules.getByLabel("Client id of another application").fill("connected-app-test-later");
    await v.button("Add to: Applications of others, agents among them").click();
    await apps.getByLabel("connected-app-test-later").waitFor();
    await v.accessible("allowed applications");
    await v.fits("allowed applications");
    await v.picture(`allowed-apps-${width}`, { fullPage: true });
    await rules.getByRole("button", { name: "Save" }).click();
    await v.hears(/Saved/);
    const { organization } = await system.provider("GET", `/v1/b2b/organizations/${acme}`);
    assert.equal(organization.third_party_connected_apps_allowed_type, "RESTRICTED");
    assert.equal(organization.allowed_third_party_connected_apps.length, 2);
    await good.call("GET", "objectives");
    await assert.rejects(bad.call("GET", "objectives"), /TOKEN_INVALID/);
  });
}

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`the CEO connects a provisioning identity provider, rotates its token and deletes it (${width})`, async (open) => {
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/settings");
    const scim = page.getByRole("region", { name: "Provisioning (SCIM)" });
    await scim.getByLabel("Name of the identity provider").fill("Okta");
    await scim.getByRole("button", { name: "Create connection" }).click();
    await scim.getByText("it is not shown again").waitFor();
    await v.accessible("a bearer token that is shown once");
    await v.fits("a bearer token that is shown once");
    await scim.scrollIntoViewIfNeeded();
    await v.picture(`scim-${width}`);
    const first = await v.copies(v.button("Copy the bearer token"));
    await scim.getByText(`Ends in ${first.slice(-4)}`).waitFor();
    await page.reload();
    await scim.getByText(`Ends in ${first.slice(-4)}`).waitFor();
    assert.equal((await page.content()).includes(first), false, "the token is shown again");
    await scim.getByRole("button", { name: "New token" }).click();
    await v.hears(/A new token was made/);
    await scim.getByRole("button", { name: "Cancel: keep the old token" }).click();
    await v.hears(/The old token stays/);
    await scim.getByRole("button", { name: "New token" }).click();
    await v.hears(/A new token was made/);
    await v.accessible("a rotation that is under way");
    await v.fits("a rotation that is under way");
    await scim.scrollIntoViewIfNeeded();
    await v.picture(`scim-rotation-${width}`);
    const next = await v.copies(v.button("Copy the bearer token"));
    assert.notEqual(next, first);
    await scim.getByRole("button", { name: "Complete: end the old token" }).click();
    await v.hears(/replaced the old one/);
    await scim.getByText(`Ends in ${next.slice(-4)}`).waitFor();
    assert.equal((await page.content()).includes(next), false, "the token is shown again");
    await scim.getByRole("button", { name: "Delete this connection" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete this connection" }).click();
    await scim.getByLabel("Name of the identity provider").waitFor();
  });
}

visit("a second factor is asked of everybody by a choice in the settings, unless nobody could give one", async (open, { system }) => {
  const v = await open({ person: ada, size: phone });
  v.tolerate(/400 \(Bad Request\)/);
  const { page } = v;
  const save = () => page.getByRole("region", { name: "Signing in" }).getByRole("button", { name: "Save" }).click();
  const policy = async () => (await system.provider("GET", `/v1/b2b/organizations/${acme}`)).organization.mfa_policy;
  const factor = page.getByRole("group", { name: "Second factor" });
  await system.provider("PUT", `/v1/b2b/organizations/${acme}`, { mfa_methods: "RESTRICTED", allowed_mfa_methods: ["sms_otp"] });
  await v.go("/settings");
  await factor.getByLabel("Asked of everybody").check();
  await save();
  await page.getByText("With this, nobody could sign in any more.").waitFor();
  assert.equal(await policy(), "OPTIONAL");
  await system.provider("PUT", `/v1/b2b/organizations/${acme}`, { mfa_methods: "ALL_ALLOWED" });
  await save();
  await v.hears(/Saved/);
  assert.equal(await policy(), "REQUIRED_FOR_ALL");
  await v.accessible("a second factor that is asked of everybody");
  await factor.getByLabel("Asked of members who have set one up").check();
  await save();
  await v.hears(/Saved/);
  await page.reload();
  await factor.getByLabel("Asked of members who have set one up").and(page.locator(":checked")).waitFor();
  assert.equal(await policy(), "OPTIONAL");
});

visit("who may search finds members by a part of the address, deactivated ones too", async (open, { ada: client }) => {
  await client.call("POST", `members/${emma.id}:deactivate`, {});
  const v = await open({ person: ada, size: phone });
  const { page } = v;
  await v.go("/members");
  const heading = (name) => page.getByRole("heading", { name });
  await heading("Max Moreau").waitFor();
  const part = page.getByLabel("Part of the e-mail address");
  await part.fill("ax");
  await page.keyboard.press("Enter");
  await page.getByText("Write at least three characters of the address.").waitFor();
  await v.accessible("a search that is too short");
  await part.fill("MAX@");
  await v.button("Search").click();
  await heading(/Ada Albright/).waitFor({ state: "detached" });
  await heading("Max Moreau").waitFor();
  await v.accessible("members that were found");
  await v.fits("members that were found");
  await part.fill("emma");
  await page.keyboard.press("Enter");
  await page.getByText("Nobody has an address with “emma”.").waitFor();
  await page.getByLabel("Deactivated", { exact: true }).check();
  await heading("Emma Eriksen").waitFor();
  await part.fill("");
  await page.keyboard.press("Enter");
  await page.getByLabel("Current", { exact: true }).check();
  await heading(/Ada Albright/).waitFor();
  const w = await open({ person: max });
  await w.go("/members");
  await w.page.getByRole("search").waitFor();
});

visit("the CEO chooses the connections that admit members, and with which single sign-on starts", async (open, { system }) => {
  const v = await open({ person: ada, size: phone });
  const { page } = v;
  const made = await system.provider("POST", `/v1/b2b/sso/saml/${acme}`, { display_name: "Acme Labs" });
  await v.go("/settings");
  const rules = page.getByRole("region", { name: "Signing in" });
  const sso = page.getByRole("region", { name: "Single sign-on" });
  await rules.getByLabel("Whoever comes through these connections").check();
  await rules.getByText("None is chosen, so nobody becomes a member this way.").waitFor();
  await rules.getByLabel("Acme Labs").check();
  await v.accessible("connections that admit members");
  await v.fits("connections that admit members");
  await v.picture("connections-that-admit", { fullPage: true });
  await rules.getByRole("button", { name: "Save" }).click();
  await v.hears(/Saved/);
  const settings = async () => {
    const { organization: o } = await system.provider("GET", `/v1/b2b/organizations/${acme}`);
    return [o.sso_jit_provisioning, o.sso_jit_provisioning_allowed_connections];
  };
  assert.deepEqual(await settings(), ["RESTRICTED", [made.connection.connection_id]]);

  // Somebody new comes through the other one, and is told why that does not do.
  const stranger = await open({ size: phone });
  const come = async () => {
    await stranger.go("/signin");
    await stranger.page.getByText("Single sign-on of your organization").click();
    await stranger.page.getByLabel("Short name of your organization").fill("acme");
    await stranger.page.keyboard.press("Enter");
    await stranger.page.getByLabel(/e-?mail/i).fill("newcomer@acme.test");
    await stranger.page.keyboard.press("Enter");
  };
  await come();
  await stranger.page.getByText("The organization does not let you in this way").waitFor();
  await rules.getByLabel("Acme Workforce").check();
  await rules.getByRole("button", { name: "Save" }).click();
  await v.hears(/Saved/);
  await come();
  await stranger.page.getByRole("heading", { name: "Objectives", exact: true }).waitFor();

  // What was changed and not saved outlives the deletion of a connection, which the rules must not name any more.
  await rules.getByLabel("E-mail domains of the organization").fill("acme.test, acme.example");
  await v.button("Delete Acme Labs").click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete connection" }).click();
  await sso.getByRole("heading", { name: "Acme Labs", exact: true }).waitFor({ state: "detached" });
  await rules.getByRole("checkbox").nth(1).waitFor({ state: "detached" }); // the rules were read anew
  await rules.getByRole("button", { name: "Save" }).click();
  await v.hears(/Saved/);
  const { organization } = await system.provider("GET", `/v1/b2b/organizations/${acme}`);
  assert.deepEqual(organization.email_allowed_domains.toSorted(), ["acme.example", "acme.test"]);
  assert.equal((await settings())[1].length, 1);
});

visit("employees see what the settings are for, and why they cannot change them", async (open) => {
  const v = await open({ person: emma });
  await v.go("/settings");
  const name = v.page.getByRole("region", { name: "Organization" });
  assert.equal(await name.getByLabel("Name", { exact: true }).isEditable(), false);
  await name.getByText("Your role (Employee) does not allow this. It takes the role CEO.").first().waitFor();
  await v.page.getByRole("region", { name: "Signing in" }).locator("p", { hasText: "does not allow this" }).waitFor();
  await v.page.getByRole("region", { name: "Single sign-on" }).locator("p", { hasText: "does not allow this" }).waitFor();
  await v.page.getByRole("region", { name: "Provisioning (SCIM)" }).locator("p", { hasText: "does not allow this" }).waitFor();
  await v.accessible("settings, as employee");
  await v.picture("settings-employee", { fullPage: true });
});
