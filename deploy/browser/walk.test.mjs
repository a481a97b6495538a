// Somebody who has never seen this comes to the first page, and goes on by what is written there alone, until an agent of
// theirs has reported something.

import assert from "node:assert/strict";
import { Agent } from "./agent.mjs";
import { desk } from "./visitor.mjs";
import { visit } from "./main.mjs";

const looks = [["desk", desk], ["phone", { width: 390, height: 844 }]];

for (const [look, size] of looks) {
  visit(`from the first page to an agent's first check-in, by what is written on the way (${look})`, async (open) => {
    const v = await open({ size });
    const { page } = v;
    const link = (name) => page.getByRole("link", { name, exact: true });
    const heading = (name) => page.getByRole("heading", { name, exact: true }).waitFor();
    let steps = 0;
    const step = async (what) => {
      await v.fits(what);
      await v.picture(`walk-${look}-${String(steps += 1).padStart(2, "0")}-${what.replaceAll(" ", "-")}`);
    };

    await v.go("/");
    await heading("Sign in");
    await page.getByText("Objectives, and the key results by which you will know").waitFor();
    await page.getByText("New here?").waitFor();
    await step("sign in");
    await page.getByLabel("E-mail address").fill(`sam-${look}@first.test`);
    await v.button("Send me a code").click();
    const letters = page.waitForEvent("popup");
    await link("Open the mailbox").click();
    const mailbox = await letters;
    const code = (await mailbox.getByText(/\b\d{6}\b/).first().innerText()).match(/\b\d{6}\b/)[0];
    await mailbox.close();
    await v.accessible("where the code is");
    await step("where the code is");
    await page.getByLabel("Code").fill(code);
    await v.button("Sign in").click();
    await page.getByText("There is none yet that you can enter").waitFor();
    await step("no organization");
    await page.getByLabel("Create an organization").fill(`First of ${look}`);
    await v.button("Create").click();

    await heading("No objectives yet");
    await link("Or connect an AI agent").waitFor();
    await v.accessible("no objectives");
    await step("no objectives");
    await link("Check-ins").click();
    await heading("Nothing to report on");
    await step("no check-ins");
    await link("All objectives").click();
    await v.button("New objective").click();
    await page.getByLabel("What do you want to achieve?").fill("Be loved by those who came first");
    await page.keyboard.press("Enter");
    const card = v.card("Be loved by those who came first");
    await card.getByRole("button", { name: /^Add key result/ }).click();
    await card.getByLabel("How will you know?").fill("Ten of them stay");
    await page.keyboard.press("Enter");
    await card.getByRole("heading", { name: "Ten of them stay" }).waitFor();
    await step("a key result");

    await link("Agents").click();
    await heading("No agent is connected");
    await step("no agent");
    await link("How to connect an agent").click();
    await heading("Connect an AI agent");
    const address = await v.copies(v.button("Copy the MCP address"));
    await page.getByText("Then ask it in your own words").waitFor();
    await step("how to connect");

    const agent = await Agent.connect(address, "Weekly Helper", async (asked) => {
      const consent = await v.context.newPage(); // as the agent's program opens it
      await consent.goto(asked);
      await consent.getByRole("heading", { name: "Let “Weekly Helper” in?" }).waitFor();
      await consent.getByRole("button", { name: "Allow" }).click();
      await consent.getByRole("heading", { name: "Back at the app" }).waitFor();
      await consent.close();
    });
    await page.locator("main").getByRole("link", { name: "Agents", exact: true }).click();
    const connected = v.card("“Weekly Helper”");
    await connected.getByText("Not used yet. Ask it to list the objectives").waitFor();
    await v.accessible("an agent that has done nothing yet");
    await step("an agent that has done nothing yet");

    const { tools } = await agent.ask("tools/list", {});
    assert.ok(tools.some(({ name }) => name === "checkIn"));
    await link("Objectives").click();
    await card.waitFor();
    const { objectives: [objective] } = await agent.call("listObjectives", {});
    await agent.call("checkIn", { keyResultID: objective.keyResults[0].keyResultID, value: "40", note: "Four of ten stay." });
    await card.getByText(`sam-${look}@first.test via Weekly Helper`, { exact: true }).waitFor();
    await card.getByText("Reported by the agent “Weekly Helper”").waitFor();
    await step("what the agent reported");
    await card.getByRole("button", { name: /^Confirm/ }).click();
    await card.getByText("60 % to go").waitFor();
    await link("Activity").click();
    const did = page.getByRole("listitem").filter({ hasText: "checked in on the key result “Ten of them stay”" });
    await v.until(async () => assert.match(await did.innerText(), new RegExp(`^sam-${look}@first.test checked in[^]*via Weekly Helper`)));
    await did.getByText("Four of ten stay.").waitFor();
    await step("what was done");
  });
}
