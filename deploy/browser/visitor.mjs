// Somebody at a browser, and everything about their visit that must not happen.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Client } from "./people.mjs";
import { axeSource } from "./tools.mjs";

const pictures = fileURLToPath(new URL("./pictures/", import.meta.url));
mkdirSync(pictures, { recursive: true });

const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** How many times slower pages are than the machine: see run.mjs. */
export const slow = Number(process.env.OKR_BROWSER_SLOW ?? 1);

const patience = 15_000 * slow; // milliseconds, for machines that are busy with other things, too
const longestWait = 400; // milliseconds, of a request of a slow page

export const phone = { width: 320, height: 740 };
export const desk = { width: 1280, height: 860 };

/** Figures for the end of the run. */
export const figures = { axeRuns: 0, axeRules: 0, requests: 0 };

/** Notes what the live region of a page says. */
const listen = () => {
  globalThis.said = [];
  const all = { childList: true, subtree: true, characterData: true };
  const note = (live) => { if (live.textContent) globalThis.said.push(live.textContent); };
  new MutationObserver((_, looking) => {
    const live = document.getElementById("live");
    if (!live) return;
    looking.disconnect();
    new MutationObserver(() => note(live)).observe(live, all);
    note(live);
  }).observe(document, all);
};

export class Visitor {
  #outside = [];
  #problems = [];
  #tolerated = [];
  #tried = [];

  /**
   * Opens a browser of one's own: without a person nobody is signed in. asIs: it is never slow, for what is measured and for
   * what the browser itself makes of requests.
   */
  static async open(browser, system, { person, size = desk, dark = false, calm = true, locale = "en-US", asIs = false } = {}) {
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
    await visitor.context.addInitScript(listen);
    if (slow > 1 && !asIs) await visitor.#slowDown();
    visitor.page = await visitor.context.newPage();
    visitor.#watch();
    return visitor;
  }

  async #slowDown() {
    await this.context.route(`${this.system.url}/**`, async (route) => {
      const { pathname } = new URL(route.request().url());
      const answers = pathname.startsWith("/api/") && !/:watch$|port$/.test(pathname); // at once, and not bit by bit
      const late = answers && Math.random() < 0.5 && await route.fetch({ maxRedirects: 0 }).catch(() => null);
      await new Promise((resolve) => { setTimeout(resolve, Math.random() * longestWait); });
      await (late ? route.fulfill({ response: late }) : route.continue()).catch(() => {}); // the page that asked may be gone
    });
    this.context.on("page", async (page) => {
      const cdp = await this.context.newCDPSession(page);
      await cdp.send("Emulation.setCPUThrottlingRate", { rate: slow });
    });
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

  /** Waits until the page says something that fits in its live region, after what was heard before. */
  async hears(pattern) {
    await this.until(async () => {
      const { fits, said } = await this.page.evaluate(([source, flags]) => {
        const said = globalThis.said ?? [];
        const at = said.findIndex((text) => new RegExp(source, flags).test(text));
        return { fits: at >= 0, said: at >= 0 ? said.splice(0, at + 1) : said };
      }, [pattern.source, pattern.flags]);
      assert.ok(fits, `the page says ${JSON.stringify(said)}, not ${pattern}`);
    });
  }

  /**
   * Waits until an assertion holds, for what comes later than all that can be waited for by name. Fails with what the last
   * attempt saw.
   * @param {() => Promise<void>} check
   */
  async until(check) {
    for (const end = Date.now() + patience; ;) {
      try {
        return await check();
      } catch (error) {
        if (Date.now() > end) throw error;
      }
      await this.page.waitForTimeout(30);
    }
  }

  /** Presses a button that copies something; answers what it copies. */
  async copies(button) {
    await this.page.evaluate(() => navigator.clipboard.writeText(""));
    await button.click();
    let copied = "";
    await this.until(async () => {
      copied = await this.page.evaluate(() => navigator.clipboard.readText());
      assert.notEqual(copied, "");
    });
    return copied;
  }

  /** Waits until a field is empty. */
  async empty(field) { await this.until(async () => assert.equal(await field.inputValue(), "")); }

  /** Waits until the page listens to single keys: it takes a G, and another one that leads nowhere. */
  async hasShortcuts() {
    await this.page.waitForFunction(() => ["g", "x"].every((key) =>
      !document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }))));
  }

  /** Waits until the page of objectives has loaded what it may need later, for which it needs the server. */
  async hasParts() {
    await this.page.evaluate(async () => {
      const main = document.querySelector("script[type=module][src]").src;
      const { parts, reader, writes } = await import(new URL("okrs/parts.js", main).href);
      await Promise.all([...Object.values(parts), reader, writes].map((load) => load()));
    });
  }

  /** Waits until something that is called so has the focus. */
  async focuses(pattern) {
    await this.until(async () => assert.match(await this.focused(), pattern));
  }

  /** The element that has the focus, in words. */
  focused() {
    return this.page.evaluate(() => {
      const at = document.activeElement;
      return at?.getAttribute("aria-label") ?? at?.labels?.[0]?.textContent ?? at?.textContent?.trim().slice(0, 80) ?? "";
    });
  }
}
