// Proposals: what an agent may not do is shown to those who may, with what it would change, and is decided on there.

import assert from "node:assert/strict";
import { ada, Client, emma } from "./people.mjs";
import { desk, phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

/** An agent of an employee, who may propose what only the CEO may do: it was let in when Emma still could do it herself. */
async function assistant({ ada: client, system }) {
  const roles = (list) => client.call("PATCH", `members/${emma.id}`, { roles: list });
  await roles(["stytch_admin"]);
  const agent = await Client.agent(system, emma, "Assistant", ["read:okrs", "manage:objectives"]);
  await roles([]);
  return agent;
}

async function propose(agent, id, title) {
  const answer = await agent.call("PATCH", `objectives/${id}?mode=WRITE_MODE_PROPOSE`, { title });
  assert.equal(answer.error.reason, "PROPOSED");
}

for (const [width, size] of [["phone", phone], ["desk", desk]]) {
  visit(`an agent proposes, and the CEO approves and rejects by keyboard (${width})`, async (open, world) => {
    const { ada: client } = world;
    const grow = await client.objective(`Grow ${width}`);
    const rest = await client.objective(`Rest ${width}`);
    const agent = await assistant(world);
    await propose(agent, rest.id, `Sleep ${width}`);
    await propose(agent, grow.id, `Shrink ${width}`);
    const v = await open({ person: ada, size });
    const { page } = v;
    await v.go("/proposals");
    const card = (title) => page.getByRole("article", { name: `To change the objective “${title}”` });
    const [first, second] = [card(`Shrink ${width}`), card(`Sleep ${width}`)];
    await first.waitFor();
    await v.until(async () =>
      assert.match(await first.innerText(), new RegExp(`Emma Eriksen via Assistant,[^]*until[^]*Text\\s+Grow ${width}[^]*Shrink ${width}`)));
    assert.equal((await client.call("GET", `objectives/${grow.id}`)).title, `Grow ${width}`);
    await v.accessible(`proposals (${width})`);
    await v.fits(`proposals (${width})`);
    await v.picture(`proposals-${width}`);

    await second.focus();
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("a");
    await first.getByText("Approved by Ada Albright").waitFor();
    assert.equal((await client.call("GET", `objectives/${grow.id}`)).title, `Shrink ${width}`);
    await first.getByRole("button").first().waitFor({ state: "detached" });
    await first.and(page.locator(":focus")).waitFor();

    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("r");
    const dialog = page.getByRole("dialog");
    await dialog.waitFor();
    await v.accessible(`rejecting a proposal (${width})`);
    await dialog.getByLabel("Why, for who proposed it to read").fill("We need it.");
    await dialog.getByRole("button", { name: "Reject" }).click();
    await second.getByText("Rejected by Ada Albright").waitFor();
    await second.getByText("We need it.").waitFor();
    assert.equal((await client.call("GET", `objectives/${rest.id}`)).title, `Rest ${width}`);

    await page.getByRole("button", { name: "Look again" }).click();
    await page.getByText("No proposals are waiting.").waitFor();
    await page.getByLabel("Show").selectOption("All");
    await first.getByText("Approved by Ada Albright").waitFor();
  });
}

visit("what has moved meanwhile is not approved, and says so", async (open, world) => {
  const { ada: client } = world;
  const { id } = await client.objective("Stay");
  await propose(await assistant(world), id, "Leave");
  const v = await open({ person: ada });
  v.tolerate(/409 \(Conflict\)|net::ERR_FAILED/);
  await v.page.route(/changes:watch/, (route) => route.abort()); // which would say so, and take the button away
  await v.go("/proposals");
  const card = v.page.getByRole("article", { name: "To change the objective “Leave”" });
  await card.waitFor();
  await client.call("PATCH", `objectives/${id}`, { title: "Stay longer" });
  await v.button("Approve: To change the objective “Leave”").click();
  await card.getByText("What this is about was changed after it was proposed.", { exact: false }).waitFor();
  await card.getByText("Superseded: it was changed meanwhile").waitFor();
  assert.equal((await client.call("GET", `objectives/${id}`)).title, "Stay longer");
});

visit("who may not decide sees why, and takes back what was proposed for them", async (open, world) => {
  const { ada: client } = world;
  const { id } = await client.objective("Dream");
  await propose(await assistant(world), id, "Wake");
  const v = await open({ person: emma });
  await v.go("/proposals");
  const card = v.page.getByRole("article", { name: "To change the objective “Wake”" });
  const approve = v.button("Approve: To change the objective “Wake”");
  await approve.waitFor();
  await v.until(async () => assert.equal(await approve.getAttribute("aria-disabled"), "true"));
  await card.focus();
  await v.page.keyboard.press("a");
  await v.button("Take back: To change the objective “Wake”").click();
  await card.getByText("Taken back by Emma Eriksen").waitFor();
  assert.equal((await client.call("GET", `objectives/${id}`)).title, "Dream");
});

visit("what is proposed, decided on and overtaken by others is seen without looking again", async (open, world) => {
  const { ada: client } = world;
  const [walk, run, rest] = await Promise.all(["Walk", "Run", "Rest"].map((title) => client.objective(title)));
  const agent = await assistant(world);
  await propose(agent, walk.id, "Walk far");
  const v = await open({ person: ada });
  const { page } = v;
  await v.go("/proposals");
  const card = (title) => page.getByRole("article", { name: `To change the objective “${title}”` });
  await card("Walk far").waitFor();
  await page.evaluate(() => { globalThis.sameDocument = true; });

  await propose(agent, run.id, "Run far");
  await card("Run far").waitFor();
  await v.hears(/There is a new proposal\./);
  await v.until(async () => assert.match(await page.getByRole("article").first().innerText(), /Run far/, "the newest comes first"));

  // A reason that is being typed stays while others go on.
  await card("Run far").getByRole("button", { name: "Reject" }).click();
  const reason = page.getByRole("dialog").getByLabel("Why, for who proposed it to read");
  await reason.fill("Not so");
  const { proposals } = await client.call("GET", "proposals?state=PROPOSAL_STATE_OPEN");
  const ids = Object.fromEntries(proposals.map((one) => [one.after.objective.title, one.id]));
  await client.call("POST", `proposals/${ids["Walk far"]}:approve`, {});
  await card("Walk far").getByText("Approved by Ada Albright").waitFor();
  await propose(agent, rest.id, "Rest long");
  await card("Rest long").waitFor();
  assert.equal(await reason.inputValue(), "Not so");
  await page.getByRole("dialog").getByRole("button", { name: "Reject" }).click();
  await card("Run far").getByText("Not so").waitFor();

  await client.call("PATCH", `objectives/${rest.id}`, { title: "Rest more" });
  await card("Rest long").getByText("Superseded: it was changed meanwhile").waitFor();
  await propose(agent, rest.id, "Rest all day");
  await card("Rest all day").waitFor();
  const left = (await client.call("GET", "proposals?state=PROPOSAL_STATE_OPEN")).proposals[0].id;
  await agent.call("POST", `proposals/${left}:withdraw`, {});
  await card("Rest all day").getByText("Taken back by Emma Eriksen").waitFor();
  await v.until(async () => assert.equal(await page.getByRole("article").count(), 4));
  assert.equal(await page.evaluate(() => globalThis.sameDocument), true, "the page was not loaded again");
});
