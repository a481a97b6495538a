// The people of the local identity provider, and what they do without a browser.

const organizations = {
  acme: "organization-test-a0000000-0000-4000-8000-000000000001",
  globex: "organization-test-b0000000-0000-4000-8000-000000000002",
};

export const ada = { email: "ada@acme.test", name: "Ada Albright", organization: organizations.acme, id: "member-test-a0000000-0000-4000-8000-000000000001" };
export const max = { email: "max@acme.test", name: "Max Moreau", organization: organizations.acme, id: "member-test-a0000000-0000-4000-8000-000000000002" };
export const emma = { email: "emma@acme.test", name: "Emma Eriksen", organization: organizations.acme, id: "member-test-a0000000-0000-4000-8000-000000000003" };
export const { acme, globex } = organizations;

/** A program that uses the REST API: with somebody's session, or with an agent's token. */
export class Client {
  #system;
  #headers = { "content-type": "application/json" };

  /** Somebody's session. `cookies` are for a browser. */
  static async signIn(system, person) {
    const client = new Client();
    client.#system = system;
    const jar = new Map();
    const post = async (path, body) => {
      const response = await fetch(`${system.url}/api/v1/${path}`, {
        method: "POST", body: JSON.stringify(body),
        headers: { "content-type": "application/json", cookie: [...jar].map(([k, v]) => `${k}=${v}`).join("; ") },
      });
      if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
        if (value) jar.set(name, value);
        else jar.delete(name);
      }
    };
    await post("session:sendEmailCode", { emailAddress: person.email });
    await post("session:authenticateEmailCode", { emailAddress: person.email, code: await system.code(person.email) });
    await post("session:joinOrganization", { organizationId: person.organization });
    client.cookies = [...jar].map(([name, value]) => ({ name, value, url: system.url, httpOnly: true, sameSite: "Lax" }));
    client.#headers.cookie = [...jar].map(([k, v]) => `${k}=${v}`).join("; ");
    return client;
  }

  /** An agent that somebody has let in. */
  static async agent(system, person, name, scopes) {
    const client = new Client();
    client.#system = system;
    const token = await system.provider("POST", "/_dev/tokens", { member_id: person.id, client_name: name, scopes });
    client.#headers.authorization = `Bearer ${token.access_token}`;
    return client;
  }

  async call(method, path, body) {
    const response = await fetch(`${this.#system.url}/api/v1/${path}`, {
      method, headers: this.#headers, body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = response.status === 204 ? null : await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** Imports objectives as a JSON file has them: each with its key results, and those with their check-ins. */
  async import(objectives) {
    const response = await fetch(`${this.#system.url}/api/v1/import?format=json`, {
      method: "POST", headers: this.#headers, body: JSON.stringify({ format: "okr-manager", version: 1, objectives }),
    });
    const answer = await response.text();
    if (!response.ok || !/"failed":0[,}]/.test(answer.split("\n").findLast((line) => line.includes("summary")) ?? "")) throw new Error(`import: ${answer}`);
  }

  /** Calls a tool as an agent does; answers the text. */
  async tool(name, args) {
    const response = await fetch(`${this.#system.url}/mcp`, {
      method: "POST", body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: args } }),
      headers: { ...this.#headers, accept: "application/json, text/event-stream", "mcp-protocol-version": "2025-11-25" },
    });
    const answer = await response.text();
    const message = JSON.parse(answer.match(/^data: *(.*)$/m)?.[1] ?? answer);
    if (message.error) throw new Error(`${name}: ${answer}`);
    return message.result.content.map((part) => part.text).join("\n");
  }

  /** Makes an objective with key results; answers it as it then is. */
  async objective(title, keyResults = {}) {
    const made = await this.call("POST", "objectives", { title });
    for (const [text, attainment] of Object.entries(keyResults)) {
      const kr = await this.call("POST", `objectives/${made.id}/keyResults`, { title: text });
      if (attainment > 0) await this.call("POST", `keyResults/${kr.id}:setAttainment`, { attainment });
    }
    return this.call("GET", `objectives/${made.id}`);
  }
}

let given = Math.floor(Math.random() * 1e9);

/** An id for something that is imported; later ones sort behind earlier ones, and before those that the server gives. */
export const someId = (prefix) => `${prefix}_${String(given += 1).padStart(13, "0")}`;

const states = ["ACTIVE", "CLOSED", "ARCHIVED"].map((state) => `&states=OBJECTIVE_STATE_${state}`).join("");

/** Makes the system what it was at first: everybody as in the beginning, and no objectives. */
export async function reset(system) {
  await system.provider("DELETE", "/_dev/faults");
  await system.provider("POST", "/_dev/reset", {});
  const client = await Client.signIn(system, ada);
  for (;;) {
    const { objectives } = await client.call("GET", `objectives?pageSize=200${states}`);
    if (objectives.length === 0) break;
    for (const { id } of objectives) await client.call("DELETE", `objectives/${id}`);
  }
  return client;
}
