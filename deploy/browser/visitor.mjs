// Somebody at a browser, and everything about their visit that must not happen.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Client } from "./people.mjs";
import { axeSource } from "./tools.mjs";

const pictures = fileURLToPath(new URL("./pictures/", import.meta.url));
mkdirSync(pictures, { recursive: true });

const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

const patience = 15_000; // milliseconds, for machines that are busy with other things, too

export const phone = { width: 320, height: 740 };
export const desk = { width: 1280, height: 860 };

/** Figures for the end of the run. */
export const figures = { axeRuns: 0, axeRules: 0, requests: 0 };

export class Visitor {
  #outside = [];
  #problems = [];
  #tolerated = [];
  #tried = [];

  /** Opens a browser of one's own: without a person nobody is signed in. */
  static async open(browser, system, { person, size = desk, dark = false, calm = true, locale = "en-US" } = {}) {
    const visitor = new Visitor();
    visitor.system = system;
    visitor.context = await browser.newContext({
      viewport: size, locale, colorScheme: dark ? "dark" : "light", reducedMotion: calm ? "reduce" : "no-preference",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    visitor.context.setDefaultTimeout(patience);
    if (person) {
      visitor.client = await Client.signIn(system, person);
      await visitor.context.addCookies(visitor.client.cookies);
    }
    visitor.page = await visitor.context.newPage();
    visitor.#watch();
    return visitor;
  }

  #watch() {
    const { page, system } = this;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") this.#problems.push(`console: ${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => this.#problems.push(`uncaught: ${error.stack}`));
    page.on("request", (request) => {
      figures.requests += 1;
      const { origin } = new URL(request.url());
      if (origin !== new URL(system.url).origin && !request.isNavigationRequest()) this.#outside.push(request.url());
    });
  }

  /** Goes on about problems that a test provokes: failed requests are logged by the browser. */
  tolerate(pattern) { this.#tolerated.push(pattern); }

  /** Goes on about requests to another place that a test provokes, and that the browser refuses to send. */
  tries(url) { this.#tried.push(url); }

  async go(path) { await this.page.goto(this.system.url + path); }

  /** Ends the visit, and fails for what went wrong unseen: console errors, CSP violations, requests to other places. */
  async leave() {
    await this.context.close();
    const problems = this.#problems.filter((problem) => !this.#tolerated.some((pattern) => pattern.test(problem)));
    assert.deepEqual(problems, []);
    assert.deepEqual(this.#outside.filter((url) => !this.#tried.some((start) => url.startsWith(start))), []);
  }

  /** Fails for violations of WCAG 2.2 AA that axe can find. */
  async accessible(where) {
    await this.page.evaluate(axeSource);
    const { violations, passes } = await this.page.evaluate((runOnly) => globalThis.axe.run(document, { runOnly }), rules);
    figures.axeRuns += 1;
    figures.axeRules += passes.length;
    const found = violations.flatMap((v) => v.nodes.map((n) => `${where}: ${v.id}: ${n.target.join(" ")}: ${n.failureSummary}`));
    assert.deepEqual(found, []);
  }

  /** Fails if something is wider than the page. */
  async fits(where) {
    const { wide, width } = await this.page.evaluate(() => ({ wide: document.documentElement.scrollWidth, width: innerWidth }));
    assert.ok(wide <= width, `${where}: the page is ${wide} wide in ${width}`);
  }

  async picture(name, options = {}) {
    await this.page.evaluate(() => document.fonts.ready);
    await this.page.screenshot({ path: `${pictures}${name}.png`, ...options });
  }

  button(name) { return this.page.getByRole("button", { name }); }

  card(title) { return this.page.getByRole("article", { name: title, exact: true }); }

  /** What the live region says, once it says something that fits. */
  async hears(pattern) {
    await this.page.waitForFunction(
      ([source, flags]) => new RegExp(source, flags).test(document.getElementById("live")?.textContent ?? ""),
      [pattern.source, pattern.flags]);
  }

  /** Waits until something that is called so has the focus. */
  async focuses(pattern) {
    const until = Date.now() + patience;
    while (!pattern.test(await this.focused())) {
      assert.ok(Date.now() < until, `${await this.focused()} has the focus, not ${pattern}`);
      await this.page.waitForTimeout(30);
    }
  }

  /** The element that has the focus, in words. */
  focused() {
    return this.page.evaluate(() => {
      const at = document.activeElement;
      return at?.getAttribute("aria-label") ?? at?.labels?.[0]?.textContent ?? at?.textContent?.trim().slice(0, 80) ?? "";
    });
  }
}
