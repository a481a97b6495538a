// An agent that was given one address and nothing else: a client of MCP as the specification has them, with OAuth.

import assert from "node:assert/strict";
import { Application } from "./application.mjs";

const version = "2025-11-25";

export class Agent {
  #url;
  #headers = { "content-type": "application/json", accept: "application/json, text/event-stream", "mcp-protocol-version": version };
  #id = 0;

  /**
   * Connects, and asks its person in their browser on the way.
   * @param {string} url
   * @param {string} name
   * @param {(address: string) => Promise<void>} browse opens an address in the browser, and returns once the answer was sent
   */
  static async connect(url, name, browse) {
    const agent = new Agent();
    agent.#url = url;
    const refused = await agent.#send("initialize", {});
    assert.equal(refused.status, 401);
    const about = refused.headers.get("www-authenticate").match(/resource_metadata="([^"]+)"/)[1];
    const resource = await (await fetch(about)).json();
    const app = await Application.register({ url: resource.authorization_servers[0] }, name);
    try {
      await browse(new URL(app.ask(resource.scopes_supported.join(" "), { resource: resource.resource }), app.metadata.authorization_endpoint).href);
      const [answer] = app.answers;
      assert.equal(answer.get("state"), app.state);
      const token = await app.token(answer.get("code"));
      agent.#headers.authorization = `Bearer ${token.access_token}`;
    } finally {
      app.close();
    }
    await agent.ask("initialize", { protocolVersion: version, capabilities: {}, clientInfo: { name, version: "1.0.0" } });
    return agent;
  }

  #send(method, params) {
    this.#id += 1;
    return fetch(this.#url, { method: "POST", headers: this.#headers, body: JSON.stringify({ jsonrpc: "2.0", id: this.#id, method, params }) });
  }

  /** Makes a request; answers its result. */
  async ask(method, params) {
    const response = await this.#send(method, params);
    const session = response.headers.get("mcp-session-id");
    if (session) this.#headers["mcp-session-id"] = session;
    const text = await response.text();
    const message = JSON.parse(text.match(/^data: *(.*)$/m)?.[1] ?? text);
    assert.ok(response.ok && message.result, `${method}: ${text}`);
    return message.result;
  }

  /** Calls a tool; answers what it answers as data. */
  async call(name, args) {
    const result = await this.ask("tools/call", { name, arguments: args });
    assert.ok(!result.isError, `${name}: ${JSON.stringify(result.content)}`);
    return result.structuredContent;
  }
}
