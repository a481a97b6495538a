// The client of the SDK's version 1, which most applications embed. It speaks the older era alone. It is not asked to step
// up: it tries a refresh instead, which cannot widen a scope (RFC 6749, section 6), and gives up. So the server's first
// challenge names every scope.
import { flows } from "./flows.mjs";
import { require } from "./agent.mjs";

const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
const { UnauthorizedError } = require("@modelcontextprotocol/sdk/client/auth.js");

const sdk = {
  Client, UnauthorizedError, Transport: StreamableHTTPClientTransport,
  // This version takes the code alone: whoever embeds it reads what the browser comes back with.
  finish: async (transport, back) => {
    if (back.has("error")) throw new Error(`declined: ${back.get("error")}`);
    await transport.finishAuth(back.get("code"));
  },
};

flows(sdk, {}, "2025-11-25");
