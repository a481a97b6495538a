// An application that asks for access, as an agent does: it registers itself, sends the browser, waits for the answer.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";

/** An application that waits for its answer on a port of this machine, as agents do. */
export class Application {
  static async register(system, name) {
    const app = new Application();
    app.answers = [];
    app.server = createServer((request, response) => {
      const url = new URL(request.url, "http://127.0.0.1");
      if (url.pathname === "/callback") app.answers.push(url.searchParams);
      response.setHeader("content-type", "text/html").end('<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>App</title><h1>Back at the app</h1>');
    });
    await new Promise((resolve) => { app.server.listen(0, "127.0.0.1", resolve); });
    app.redirect = `http://127.0.0.1:${app.server.address().port}/callback`;
    app.metadata = await (await fetch(`${system.url}/.well-known/oauth-authorization-server`)).json();
    const response = await fetch(app.metadata.registration_endpoint, {
      method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify({ client_name: name, redirect_uris: [app.redirect], token_endpoint_auth_method: "none", grant_types: ["authorization_code", "refresh_token"], response_types: ["code"] }),
    });
    assert.equal(response.status, 201, await response.clone().text());
    app.id = (await response.json()).client_id;
    return app;
  }

  /** The path of an authorization request. */
  ask(scope, change = {}) {
    this.verifier = randomBytes(32).toString("base64url");
    this.state = randomBytes(8).toString("base64url");
    const query = new URLSearchParams({
      response_type: "code", client_id: this.id, redirect_uri: this.redirect, scope, state: this.state,
      code_challenge: createHash("sha256").update(this.verifier).digest("base64url"), code_challenge_method: "S256", ...change,
    });
    return `/oauth/authorize?${query}`;
  }

  close() { this.server.close(); }

  /** Exchanges the code for a token. */
  async token(code) {
    const response = await fetch(this.metadata.token_endpoint, {
      method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ grant_type: "authorization_code", code, client_id: this.id, redirect_uri: this.redirect, code_verifier: this.verifier }),
    });
    return response.json();
  }
}
