// What every version of the TypeScript SDK has to do with the running system, in each era that it speaks.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Agent, address, expired } from "./agent.mjs";

const everything = [
  "email", "manage:krs", "manage:objectives", "offline_access", "openid", "profile", "read:okrs", "report_kr_status",
];

/** Declares a test for an agent, which is closed whatever happens. */
export function flow(name, make, run) {
  test(name, { timeout: 60_000 }, async () => {
    const agent = await make();
    try {
      await run(agent);
    } finally {
      await agent.close();
    }
  });
}

/** @param {import("./agent.mjs").Sdk} sdk @param {object} options those of Client @param {string} revision that they end in */
export function flows(sdk, options, revision) {
  flow(`${revision}: a client finds out everything, connects and works`, () => new Agent(sdk, options), async (agent) => {
    await agent.connect();
    theWayIn(agent, revision);
    await everyTool(agent);
    await theResources(agent);
  });

  flow(`${revision}: an access token that has expired is refreshed, and nobody is asked`, async () => new Agent(sdk, options, await expired()),
    async (agent) => {
      const before = agent.keeper.tokens();
      await agent.connect();
      await agent.use("whoAmI");
      const after = agent.keeper.tokens();
      assert.ok(agent.keeper.traffic.includes("POST /mcp 401"), "the access token has expired");
      assert.equal(agent.keeper.granted("refresh_token"), 1, "it is refreshed once");
      assert.equal(agent.keeper.asked.length, 0, "nobody is asked");
      assert.ok(after.refresh_token, "there is a new refresh token");
      assert.notEqual(after.access_token, before.access_token);
      assert.notEqual(after.refresh_token, before.refresh_token, "the refresh token rotates");
    });

  flow(`${revision}: a person who declines connects nothing`, () => new Agent(sdk, options, { allow: false }), async (agent) => {
    await assert.rejects(agent.connect(), /access_denied|declined/i);
    assert.equal(agent.keeper.asked[0].back.get("error"), "access_denied");
    assert.equal(agent.keeper.asked[0].back.get("code"), null, "there is no code");
    assert.equal(agent.keeper.tokens(), undefined, "there is no token");
    assert.equal(agent.keeper.grants.length, 0, "nothing is exchanged");
  });
}

/** Everything on the way was found out, and the person was asked once, for what the server names. */
function theWayIn({ client, keeper, transport }, revision) {
  for (const request of [
    "POST /mcp 401", "GET /.well-known/oauth-protected-resource/mcp 200", "GET /.well-known/oauth-authorization-server 200",
    "POST /v1/oauth2/register 201", "POST /v1/oauth2/token 200", "POST /mcp 200",
  ]) {
    assert.ok(keeper.traffic.includes(request), `${request} is not among ${keeper.traffic.join(", ")}`);
  }
  assert.equal(client.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion, revision);
  assert.equal(keeper.asked.length, 1, "the person is asked once");
  const { request, scopes } = keeper.asked[0];
  assert.equal(request.get("code_challenge_method"), "S256");
  assert.ok(request.get("code_challenge"), "there is a challenge");
  assert.equal(request.get("resource"), address);
  assert.deepEqual(scopes, everything);
  const exchange = keeper.grants[0];
  assert.equal(exchange.get("grant_type"), "authorization_code");
  assert.equal(exchange.get("resource"), address);
  assert.ok(exchange.get("code_verifier"), "the code is exchanged with its verifier");
}

/** Calls every tool that is listed, and sees what it did. */
async function everyTool(agent) {
  const { tools } = await agent.client.listTools();
  for (const tool of tools) {
    assert.ok(tool.title && tool.description && tool.annotations && tool.outputSchema, `${tool.name} has no title, description, hints or output schema`);
  }
  const used = new Set();
  const use = (name, args) => {
    used.add(name);
    return agent.use(name, args);
  };
  const who = await use("whoAmI");
  assert.equal(who.client.name, "Test of the TypeScript client");
  const { cursor } = await use("changesSince");
  const { okrID } = await use("addObjective", { objectiveText: "Grow" });
  const { keyResultID } = await use("addKeyResult", { okrID, keyResultText: "Ten customers" });
  await use("updateObjective", { okrID, objectiveText: "Grow well" });
  await use("updateKeyResult", { keyResultID, keyResultText: "Twelve customers" });
  await use("checkIn", { keyResultID, value: "20", note: "Two of them" });
  await use("setKeyResultAttainment", { okrID, keyResultID, attainment: 40 });
  const got = await use("getObjective", { okrID });
  assert.equal(got.objectiveText, "Grow well");
  assert.equal(got.keyResults[0].keyResultText, "Twelve customers");
  assert.equal(got.keyResults[0].attainment, 40);
  const listed = JSON.stringify(await use("listObjectives"));
  for (const part of [okrID, "Grow well"]) {
    assert.ok(listed.includes(part), `${part} is not in ${listed}`);
  }
  const { changes } = await use("changesSince", { cursor, okrID });
  assert.ok(changes.length >= 6 && changes.every(({ via }) => via === "mcp"), `the changes are ${JSON.stringify(changes)}`);
  await agent.client.callTool({ name: "updateObjective", arguments: { okrID, objectiveText: "Grow slowly", mode: "propose" } });
  const { proposals } = await use("listProposals");
  assert.ok(proposals.some((p) => p.okrID === okrID && p.state === "open"), `the proposals are ${JSON.stringify(proposals)}`);
  assert.equal((await use("getObjective", { okrID })).objectiveText, "Grow well", "what is proposed is not done");
  await use("deleteKeyResult", { okrID, keyResultID });
  await use("deleteObjective", { okrID });
  const again = await agent.client.callTool({ name: "deleteObjective", arguments: { okrID } });
  assert.equal(again.isError, true, "what is deleted is not deleted again");
  assert.deepEqual([...used].sort(), tools.map(({ name }) => name).sort(), "the tools that are listed are those that work");
  await refused(agent.client.callTool({ name: "noSuchTool", arguments: {} }), -32602);
}

/** Lists and reads both kinds of resources. */
async function theResources(agent) {
  const { okrID } = await agent.use("addObjective", { objectiveText: "Read me" });
  const { keyResultID } = await agent.use("addKeyResult", { okrID, keyResultText: "Measure me" });
  const { resourceTemplates } = await agent.client.listResourceTemplates();
  assert.equal(resourceTemplates.length, 2);
  const { resources } = await agent.client.listResources();
  for (const [uri, text] of [[`okrmanager://objectives/${okrID}`, "Read me"], [`okrmanager://key_result/${keyResultID}`, "Measure me"]]) {
    assert.ok(resources.some((resource) => resource.uri === uri), `${uri} is not listed`);
    const { contents } = await agent.client.readResource({ uri });
    assert.equal(contents.length, 1);
    assert.ok(contents[0].text.includes(text), `${uri} is ${contents[0].text}`);
  }
}

/** The server answers with a JSON-RPC error. */
function refused(call, code) {
  return assert.rejects(call, (error) => error.code === code || assert.fail(`the error is ${error.code}: ${error.message}`));
}
