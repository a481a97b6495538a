// The client of the SDK's version 2, in both eras of the protocol.
import assert from "node:assert/strict";
import { Agent, require } from "./agent.mjs";
import { flow, flows } from "./flows.mjs";

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = require("@modelcontextprotocol/client");

const sdk = {
  Client, UnauthorizedError, Transport: StreamableHTTPClientTransport,
  finish: (transport, back) => transport.finishAuth(back), // which compares the issuer, too (RFC 9207)
};

for (const [mode, revision] of [["legacy", "2025-11-25"], ["auto", "2026-07-28"]]) {
  const options = { versionNegotiation: { mode } };
  flows(sdk, options, revision);

  flow(`${revision}: a client that was given too little asks for what is missing, and goes on`,
    () => new Agent(sdk, options, { first: "offline_access read:okrs" }), async (agent) => {
      await agent.connect();
      await agent.use("listObjectives");
      assert.deepEqual(agent.keeper.asked[0].scopes, ["offline_access", "read:okrs"]);
      const call = () => agent.use("addObjective", { objectiveText: "Grow" });
      await assert.rejects(call(), UnauthorizedError);
      assert.ok(agent.keeper.traffic.includes("POST /mcp 403"), "the scope is too narrow");
      assert.equal(agent.keeper.asked.length, 2, "the person is asked again");
      assert.deepEqual(agent.keeper.asked[1].scopes, ["manage:objectives", "offline_access", "read:okrs"]);
      await agent.finish();
      await call();
      assert.equal(agent.keeper.asked.length, 2, "and not a third time");
    });
}
