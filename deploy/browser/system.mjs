// A system of its own for the tests: the local run, on free ports, with its data in a new folder.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

// What devidp is given by default. It holds nothing but made-up people.
const project = "project-test-00000000-0000-4000-8000-000000000000";
const authorization = `Basic ${Buffer.from(`${project}:secret-test-local-only`).toString("base64")}`;

/** Ports that nobody uses at the moment. */
async function freePorts(n) {
  const servers = await Promise.all(Array.from({ length: n }, () => new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => { server.close(resolve); })));
  return ports;
}

/** Builds the program once, so that it starts fast and stops when it is told to. */
export function build(folder) {
  const binary = join(folder, "okr-local");
  const built = spawnSync("go", ["build", "-o", binary, "./deploy/local"], { cwd: root, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`building the system: ${built.error?.message ?? built.stderr}`);
  return binary;
}

export class System {
  #binary;
  #environment;
  #process;
  #log = "";

  /** Starts a system. The caller must call stop. */
  static async start(binary) {
    const system = new System();
    const [rest, mcp, store, authz, devidp] = await freePorts(5);
    system.url = `http://localhost:${rest}`;
    system.devidp = `http://localhost:${devidp}`;
    system.folder = mkdtempSync(join(tmpdir(), "okr-browser-"));
    system.#binary = binary;
    system.#environment = {
      PATH: process.env.PATH, HOME: process.env.HOME,
      OKR_REST_ADDR: `127.0.0.1:${rest}`, OKR_MCP_ADDR: `127.0.0.1:${mcp}`, OKR_STORE_ADDR: `127.0.0.1:${store}`,
      OKR_AUTHZ_ADDR: `127.0.0.1:${authz}`, OKR_DEVIDP_ADDR: `127.0.0.1:${devidp}`,
      OKR_PUBLIC_URL: system.url, OKR_DEVIDP_PUBLIC_URL: system.devidp, OKR_DATA_DIR: system.folder,
      OKR_AUTHZ_CHECK_INTERVAL: "1s", // so that revocations show while a test waits
    };
    await system.up();
    return system;
  }

  /** Starts the program, again on the same ports and with the same data, and waits until it is ready. */
  async up() {
    const child = spawn(this.#binary, { env: this.#environment, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    await new Promise((resolve, reject) => {
      const read = (chunk) => {
        this.#log += chunk;
        if (this.#log.includes("OKR Manager is running")) resolve();
      };
      child.stdout.on("data", read);
      child.stderr.on("data", read);
      child.once("exit", (code) => reject(new Error(`the system ended with ${code}:\n${this.#log}`)));
    });
  }

  /** Stops the program and keeps the data. */
  async down() {
    const child = this.#process;
    this.#log = "";
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => { child.once("exit", resolve); });
    child.kill("SIGTERM");
    await gone;
  }

  async stop() {
    await this.down();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Calls the identity provider as its administrator. */
  async provider(method, path, body) {
    const response = await fetch(this.devidp + path, {
      method, headers: { authorization, "content-type": "application/json", accept: "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** The newest one-time code that was sent to an address. */
  async code(email) {
    const { messages } = await this.provider("GET", `/_dev/outbox?format=json&to=${encodeURIComponent(email)}`);
    const code = messages.map((message) => JSON.stringify(message).match(/\b(\d{6})\b/)?.[1]).find(Boolean);
    if (!code) throw new Error(`no code was sent to ${email}`);
    return code;
  }
}
