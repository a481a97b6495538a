// Browser tests of the whole: real Chromium against a real system. `make browser` runs them; one file after the other, in
// one browser, and each test with a visit of its own to a system that is as it was at first.

import { after, before, beforeEach, test } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reset } from "./people.mjs";
import { build, System } from "./system.mjs";
import { launch } from "./tools.mjs";
import { figures, slow, Visitor } from "./visitor.mjs";

const started = performance.now();
const folder = mkdtempSync(join(tmpdir(), "okr-browser-"));

/** What every test gets. */
export const world = { browser: undefined, system: undefined, binary: "" };

before(async () => {
  world.binary = build(folder);
  world.browser = await launch();
  world.system = await System.start(world.binary);
});

after(async () => {
  await world.browser?.close();
  await world.system?.stop();
  rmSync(folder, { recursive: true, force: true });
  for (const [name, error] of unsteady) console.log(`browser: unsteady, it failed once: ${name}\n${error.stack}`);
  console.log(`browser: ${figures.axeRuns} pages and dialogs checked by axe (${figures.axeRules} rules passed), ` +
    `${figures.requests} requests, ${((performance.now() - started) / 1000).toFixed(0)} s`);
});

beforeEach(async () => { world.ada = await reset(world.system); });

const limit = 120_000 * slow; // milliseconds for one test

/** How often a test may be tried: see run.mjs. */
const attempts = Number(process.env.OKR_BROWSER_ATTEMPTS ?? 1);

/** The tests that failed and then passed, with why. @type {[string, Error][]} */
const unsteady = [];

/**
 * A test with visitors: open as many as it takes. All visits end with it, and each must have gone well.
 * @param {string} name
 * @param {(open: (options?: object) => Promise<Visitor>, world: typeof world) => Promise<void>} body
 * @param {number} [timeout] milliseconds, for one that takes long
 */
export function visit(name, body, timeout = limit) {
  test(name, { timeout: timeout * attempts }, async () => {
    for (let failures = []; ; world.ada = await reset(world.system)) {
      try {
        await attempt(name, body);
        unsteady.push(...failures);
        return;
      } catch (error) {
        failures.push([name, error]);
        if (failures.length === attempts) throw error;
      }
    }
  });
}

/** @param {string} name @param {(open: (options?: object) => Promise<Visitor>, world: typeof world) => Promise<void>} body */
async function attempt(name, body) {
  const visitors = [];
  const open = async (options) => {
    const visitor = await Visitor.open(world.browser, options?.system ?? world.system, options);
    visitors.push(visitor);
    return visitor;
  };
  try {
    await body(open, world);
  } catch (error) {
    for (const [i, visitor] of visitors.entries()) {
      await visitor.picture(`failed-${name.replaceAll(/\W+/g, "-")}-${i}`).catch(() => {});
    }
    await Promise.allSettled(visitors.map((visitor) => visitor.context.close()));
    throw error;
  }
  for (const visitor of visitors) await visitor.leave();
}
