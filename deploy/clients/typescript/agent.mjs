// An application of the TypeScript SDK that knows nothing but the address of the server, and the person before it.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

/** Loads a package that `make` has installed. */
export const require = createRequire(new URL("../../../.tools/node/package.json", import.meta.url));

const server = new URL(process.env.CLIENTS_SERVER ?? "");
const redirect = "http://127.0.0.1:49322/callback";

/** Asks the person with the browser, whom the Go test plays. */
async function person(path, body) {
  const answer = await fetch(process.env.CLIENTS_PERSON + path, { method: "POST", body: JSON.stringify(body ?? {}) });
  assert.equal(answer.status, 200, `${path}: ${await answer.clone().text()}`);
  return answer.json();
}

/** What an application keeps: its registration, its tokens, and what it has in mind between two steps of the flow. */
class Keeper {
  asked = []; // what the person was asked, each with where the browser was sent
  traffic = []; // such as "POST /mcp 401"
  grants = []; // the forms that went to the token endpoint
  #kept = {};

  /** @param first the scopes of the first request, if not those that the server names; @param allow whether the person agrees */
  constructor({ first, allow = true, registered, tokens } = {}) {
    this.first = first;
    this.allow = allow;
    this.#kept = { registered, tokens };
  }

  redirectUrl = redirect;
  clientMetadata = {
    client_name: "Test of the TypeScript client", redirect_uris: [redirect], token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"], response_types: ["code"],
  };
  state = () => (this.#kept.state = crypto.randomUUID());
  clientInformation = () => this.#kept.registered;
  saveClientInformation = (registered) => void (this.#kept.registered = registered);
  tokens = () => this.#kept.tokens;
  saveTokens = (tokens) => void (this.#kept.tokens = tokens);
  codeVerifier = () => this.#kept.verifier;
  saveCodeVerifier = (verifier) => void (this.#kept.verifier = verifier);
  discoveryState = () => this.#kept.discovery;
  saveDiscoveryState = (discovery) => void (this.#kept.discovery = discovery);

  /** Sends the person's browser to the authorization endpoint, and keeps what comes back. */
  redirectToAuthorization = async (address) => {
    if (this.first && this.asked.length === 0) {
      address.searchParams.set("scope", this.first);
    }
    const answer = await person("/authorize", { address: address.href, allow: this.allow });
    const back = new URL(answer.location);
    assert.equal(back.origin + back.pathname, redirect, "the browser is sent to the registered address");
    assert.equal(back.searchParams.get("state"), this.#kept.state, "the state comes back");
    this.asked.push({ request: address.searchParams, scopes: answer.scopes, back: back.searchParams });
  };

  /** fetch, written down. */
  fetch = async (address, init) => {
    const answer = await fetch(address, init);
    const url = new URL(address);
    this.traffic.push(`${init?.method ?? "GET"} ${url.pathname} ${answer.status}`);
    if (url.pathname === "/v1/oauth2/token") {
      this.grants.push(new URLSearchParams(String(init.body)));
    }
    return answer;
  };

  /** How often an access token was got by a grant type. */
  granted = (kind) => this.grants.filter((form) => form.get("grant_type") === kind).length;
}

/**
 * What one version of the SDK offers.
 * @typedef {{Client: any, Transport: any, UnauthorizedError: any, finish: (transport: any, back: URLSearchParams) => Promise<void>}} Sdk
 */

/** An application and its connection. */
export class Agent {
  /** @param {Sdk} sdk @param {object} options those of Client @param {object} keeps what Keeper starts with */
  constructor(sdk, options, keeps) {
    this.sdk = sdk;
    this.options = options;
    this.keeper = new Keeper(keeps);
  }

  /** Connects; where the server wants a token, gets one and connects again, as an application does when the browser is back. */
  async connect() {
    try {
      await this.#open();
    } catch (error) {
      if (!(error instanceof this.sdk.UnauthorizedError)) throw error;
      await this.finish();
      await this.#open();
    }
  }

  async #open() {
    this.transport = new this.sdk.Transport(server, { authProvider: this.keeper, fetch: this.keeper.fetch });
    this.client = new this.sdk.Client({ name: "okr-manager-clients", version: "1.0.0" }, this.options);
    await this.client.connect(this.transport);
  }

  /** Exchanges the code that the browser has come back with. */
  finish() {
    return this.sdk.finish(this.transport, this.keeper.asked.at(-1).back);
  }

  /** Calls a tool that has to succeed, and answers its structured content. */
  async use(name, args = {}) {
    const result = await this.client.callTool({ name, arguments: args });
    assert.ok(!result.isError, `${name} fails: ${JSON.stringify(result.content)}`);
    assert.ok(result.content.length > 0 && result.structuredContent, `${name} answers no content`);
    return result.structuredContent;
  }

  close() {
    return this.client?.close();
  }
}

/** What an application holds whose access token has expired while it was away. */
export async function expired() {
  const { client_id, access_token, refresh_token } = await person("/expired");
  return { registered: { client_id, redirect_uris: [redirect] }, tokens: { access_token, refresh_token, token_type: "Bearer" } };
}

export const address = server.href;
