// What agents did: reported, confirmed, looked at, and undone.

import assert from "node:assert/strict";
import { ada, Client, emma, max } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

const sizes = [["phone", phone, true], ["desk", desk, false]];

const scopes = ["read:okrs", "manage:objectives", "manage:krs"];

for (const [width, size, dark] of sizes) {
  visit(`what an agent reported waits until somebody confirms it (${width})`, async (open, { ada: client, system }) => {
    const { keyResults: [kr] } = await client.objective("Be believed", { "Ninety of a hundred": 10, "Not said by an agent": 5 });
    const v = await open({ person: emma, size, dark });
    const { page } = v;
    await v.go("/");
    const row = page.locator(`#${kr.id}`);
    await row.waitFor();
    assert.equal(await page.getByText("not confirmed yet").count(), 0);
    const agent = await Client.agent(system, max, "Weekly Reporter", ["read:okrs", "report_kr_status"]);
    await agent.call("POST", `keyResults/${kr.id}/checkIns`, { value: "90" });
    await row.getByText("Reported by the agent “Weekly Reporter”, and not confirmed yet.").waitFor(); // live
    const confirm = v.button("Confirm the value of “Ninety of a hundred”");
    await v.accessible(`a value to confirm (${width})`);
    await v.fits(`a value to confirm (${width})`);
    await v.picture(`confirm-${width}`, { fullPage: true });
    await confirm.focus();
    await page.keyboard.press("Enter");
    await row.getByText("not confirmed yet").waitFor({ state: "detached" });
    await v.focuses(/^Check in on “Ninety of a hundred”$/);
    await v.button("History of “Ninety of a hundred”").click();
    await page.getByRole("dialog").getByText("Emma Eriksen confirmed the value").waitFor();
  });

  visit(`a change is undone from the history, or it is said what is in the way (${width})`, async (open, { ada: client }) => {
    const { keyResults: [kr] } = await client.objective("Be careful", { "As it was": 10 });
    await client.call("POST", `keyResults/${kr.id}:setAttainment`, { attainment: 20 });
    await client.call("POST", `keyResults/${kr.id}:setAttainment`, { attainment: 30 });
    const v = await open({ person: ada, size, dark });
    const { page } = v;
    await v.go("/");
    await v.button("History of “As it was”").click();
    const history = page.getByRole("dialog", { name: "History of “As it was”" });
    const entries = history.locator(".changes > li");
    await entries.nth(3).waitFor();
    await entries.nth(1).getByRole("button", { name: /^Undo/ }).click();
    const dialog = page.getByRole("dialog", { name: "Undo this change?" });
    await dialog.getByText("Ada Albright has changed this since. Undo that first.").waitFor();
    await v.accessible(`a change that others changed since (${width})`);
    await dialog.getByRole("button", { name: "Close" }).click();
    await entries.nth(0).getByRole("button", { name: /^Undo/ }).click();
    await dialog.getByText("It will be as it was before.").waitFor();
    await v.until(async () => assert.match(await dialog.locator(".difference").innerText(), /30.%.*20.%/s));
    await v.accessible(`the undoing of a change (${width})`);
    await v.fits(`the undoing of a change (${width})`);
    await v.picture(`undo-${width}`);
    await dialog.getByRole("button", { name: "Undo", exact: true }).click();
    await dialog.waitFor({ state: "detached" });
    await entries.nth(4).waitFor();
    await v.focuses(/^History of “As it was”$/);
    await entries.nth(0).getByText("undid an earlier change").waitFor();
    assert.equal((await client.call("GET", `keyResults/${kr.id}`)).attainment, 20);
  });

  visit(`everything that an agent did is undone, but for what others changed since (${width})`, async (open, { ada: client, system }) => {
    const name = `Busy Planner ${width}`;
    const { id, keyResults: [first, second] } = await client.objective("Stay in charge", { "Of the first": 10, "Of the second": 20 });
    const agent = await Client.agent(system, ada, name, scopes);
    const made = await agent.call("POST", "objectives", { title: "An agent’s idea" });
    await agent.call("PATCH", `objectives/${id}`, { title: "Let agents do it" });
    for (const kr of [first, second]) await agent.call("POST", `keyResults/${kr.id}/checkIns`, { value: "99" });
    const employee = await Client.signIn(system, emma);
    await employee.call("POST", `keyResults/${second.id}/checkIns`, { value: "55" });
    const v = await open({ person: ada, size, dark });
    const { page } = v;
    await v.go("/agents");
    const card = v.card(`“${name}”`);
    await card.getByText("last used", { exact: false }).waitFor();
    await card.getByText("2 changes of objectives, 2 changes of key results").waitFor();
    await v.accessible(`agents and what they did (${width})`);
    await v.fits(`agents and what they did (${width})`);
    await v.picture(`agents-${width}`, { fullPage: true });
    await card.getByRole("button", { name: `Undo what “${name}” did` }).click();
    const dialog = page.getByRole("dialog", { name: `Undo what “${name}” did` });
    await dialog.getByLabel("How far back").selectOption("The last hour");
    await v.accessible(`before a look (${width})`);
    await dialog.getByRole("button", { name: "See what would be undone" }).click();
    await dialog.getByText("3 changes would be undone.").waitFor();
    await dialog.getByText("1 change stays as it is:").waitFor();
    await v.until(async () => assert.match(await dialog.locator(".skipped").innerText(), /Check-in in “Let agents do it”\s+Emma Eriksen has changed this since/));
    await v.accessible(`what would be undone (${width})`);
    await v.fits(`what would be undone (${width})`);
    await v.picture(`undo-agent-${width}`);
    assert.equal((await client.call("GET", `objectives/${id}`)).title, "Let agents do it");
    await dialog.getByRole("button", { name: "Undo 3 changes" }).click();
    await dialog.getByText("3 changes were undone.").waitFor();
    await v.accessible(`what was undone (${width})`);
    await v.picture(`undone-agent-${width}`);
    await dialog.getByRole("button", { name: "Close" }).click();
    const now = await client.call("GET", `objectives/${id}`);
    assert.deepEqual([now.title, ...now.keyResults.map((kr) => kr.attainment)], ["Stay in charge", 10, 55]);
    await assert.rejects(client.call("GET", `objectives/${made.id}`), /OBJECTIVE_NOT_FOUND/);
    await card.getByRole("link", { name: `What it changed: “${name}”` }).click();
    await page.locator(".changes > li").nth(3).waitFor();
    assert.equal(await page.locator(".changes > li").count(), 4);
  });
}

visit("an objective that was deleted is there again on every page when that is undone", async (open, { ada: client }) => {
  await client.objective("Come back", { "With all that it had": 40 });
  const mine = await open({ person: ada });
  const theirs = await open({ person: emma });
  await theirs.go("/");
  await theirs.card("Come back").waitFor();
  await mine.go("/");
  await mine.button("Delete “Come back”").click();
  await mine.page.getByRole("dialog").getByRole("button", { name: /^Delete/ }).click();
  await theirs.card("Come back").waitFor({ state: "detached" });
  await mine.go("/activity");
  await mine.button("Undo: Ada Albright deleted the objective “Come back”").click();
  const dialog = mine.page.getByRole("dialog");
  await dialog.getByText("will be there again").waitFor();
  await dialog.getByRole("button", { name: "Undo", exact: true }).click();
  await theirs.card("Come back").waitFor();
  await theirs.page.getByRole("heading", { name: "With all that it had" }).waitFor();
});

visit("an undoing that was cut off goes on where it was", async (open, { ada: client, system }) => {
  const { keyResults: [kr] } = await client.objective("Go on", { "By hundreds": 0 });
  const agent = await Client.agent(system, ada, "Restless Agent", scopes);
  for (let i = 1; i <= 230; i += 1) await agent.call("PATCH", `keyResults/${kr.id}`, { title: `By hundreds ${i}` });
  const v = await open({ person: ada });
  v.tolerate(/ERR_FAILED/);
  await v.go("/agents");
  await v.button("Undo what “Restless Agent” did").click();
  const dialog = v.page.getByRole("dialog");
  await dialog.getByRole("button", { name: "See what would be undone" }).click();
  await dialog.getByRole("button", { name: "Undo 230 changes" }).waitFor();
  let calls = 0;
  await v.page.route("**/changes:undoClient", (route) => ((calls += 1) === 2 ? route.abort() : route.continue()));
  await dialog.getByRole("button", { name: "Undo 230 changes" }).click();
  await dialog.getByText("200 of 230 are undone").waitFor();
  await dialog.getByRole("button", { name: "Try again" }).click();
  await dialog.getByText("230 changes were undone.").waitFor();
  assert.equal((await client.call("GET", `keyResults/${kr.id}`)).title, "By hundreds");
});

visit("what agents may do is for administrators to say, and others’ agents for all to see", async (open, { ada: client, system }) => {
  const { keyResults: [kr] } = await client.objective("Have rules", { "For agents": 10 });
  const agent = await Client.agent(system, max, "Agent of Max", ["read:okrs", "manage:krs"]);
  await agent.call("POST", `keyResults/${kr.id}/checkIns`, { value: "20" });
  const v = await open({ person: ada });
  await v.go("/agents");
  await v.page.getByRole("heading", { name: "“Agent of Max” for Max Moreau" }).waitFor();
  const rule = v.page.getByRole("checkbox", { name: /wait.* for a member to confirm/ });
  await rule.click();
  await v.hears(/Saved/);
  assert.equal(await rule.isChecked(), false);
  await v.accessible("agents of others");
  await v.picture("agents-of-others", { fullPage: true });
  await agent.call("POST", `keyResults/${kr.id}/checkIns`, { value: "30" });
  assert.equal((await client.call("GET", `keyResults/${kr.id}`)).agentReport, undefined);
  const employee = await open({ person: emma });
  await employee.go("/agents");
  const theirs = employee.page.getByRole("checkbox", { name: /wait.* for a member to confirm/ });
  await theirs.click({ force: true }); // as somebody does who does not see why not
  await employee.accessible("rules that somebody may not change");
  assert.equal(await theirs.isChecked(), false);
  assert.equal((await client.call("GET", "agentSettings")).trustReports, true);
  await client.call("POST", "agentSettings:setTrustReports", { trustReports: false });
});

for (const [width, size, dark] of sizes) {
  visit(`an administrator sees what others let their agents do, and disconnects one (${width})`, async (open, { ada: client, system }) => {
    await client.objective("Be careful with agents");
    const name = `Unused Agent ${width}`;
    const agent = await Client.agent(system, max, name, ["read:okrs", "manage:krs"]);
    const manager = await open({ person: max, size, dark });
    await manager.go("/agents");
    await manager.card(`“${name}”`).waitFor();
    const v = await open({ person: ada, size, dark });
    await v.go("/agents");
    const row = v.page.getByRole("listitem").filter({ has: v.page.getByRole("heading", { name: `“${name}” for Max Moreau` }) });
    await row.getByText("has changed nothing").waitFor(); // when it was used is for its own member to see
    await row.getByText("What it may do").click();
    await row.getByText("Report progress on key results and change them").waitFor();
    await v.accessible(`what an agent of somebody else may do (${width})`);
    await v.fits(`what an agent of somebody else may do (${width})`);
    await v.picture(`agent-of-another-${width}`, { fullPage: true });
    await row.getByRole("button", { name: `Disconnect “${name}” for Max Moreau` }).click();
    const dialog = v.page.getByRole("dialog", { name: `Disconnect “${name}” for Max Moreau?` });
    await dialog.getByText("It cannot act for Max Moreau from now on").waitFor();
    await v.accessible(`before an agent of somebody else is disconnected (${width})`);
    await dialog.getByRole("button", { name: "Disconnect" }).click();
    await row.waitFor({ state: "detached" });
    await assert.rejects(agent.call("GET", "objectives"), /TOKEN_INVALID/);
    await manager.page.reload();
    await manager.page.getByRole("heading", { name: "No agent is connected" }).or(manager.page.locator(".cards")).first().waitFor();
    assert.equal(await manager.card(`“${name}”`).count(), 0);
    const employee = await open({ person: emma, size, dark });
    await employee.go("/agents");
    await employee.page.getByRole("heading", { name: "Rules for agents" }).waitFor();
    assert.equal(await employee.page.getByText("What it may do").count(), 0);
  });
}

visit("an agent proposes, its member approves, the agent sees it, and all that it did is undone", async (open, { ada: client, system }) => {
  const { id } = await client.objective("As we had it");
  const agent = await Client.agent(system, ada, "Careful Agent", scopes);
  const v = await open({ person: ada });
  v.tolerate(/ERR_FAILED/);
  const { page } = v;
  await v.go("/agents");
  const rule = page.getByRole("checkbox", { name: "“Careful Agent” only proposes" });
  await rule.click();
  await v.hears(/Saved/);
  assert.equal(await rule.isChecked(), true);
  assert.match(await agent.tool("updateObjective", { okrID: id, objectiveText: "As the agent has it" }), /propos/i);
  assert.match(await agent.tool("getObjective", { okrID: id }), /As we had it/);

  await v.go("/proposals");
  const card = page.getByRole("article", { name: "To change the objective “As the agent has it”" });
  await card.getByRole("button", { name: /^Approve/ }).click();
  await card.getByText("Approved by Ada Albright").waitFor();
  assert.match(await agent.tool("getObjective", { okrID: id }), /As the agent has it/);

  await v.go("/agents");
  await v.button("Undo what “Careful Agent” did").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "See what would be undone" }).click();
  await dialog.getByRole("button", { name: "Undo 1 change" }).click();
  await dialog.getByText("1 change was undone.").waitFor();
  assert.match(await agent.tool("getObjective", { okrID: id }), /As we had it/);
  await client.call("POST", "agentSettings:setProposeOnly", { clientId: (await client.call("GET", "agentSettings")).clients[0].clientId, proposeOnly: false });
});
