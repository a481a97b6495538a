// What pages of others, addresses and texts that somebody made up for the purpose cannot do.

import assert from "node:assert/strict";
import { Application } from "./application.mjs";
import { Elsewhere } from "./elsewhere.mjs";
import { acme, ada, Client, emma, max } from "./people.mjs";
import { phone } from "./visitor.mjs";
import { visit } from "./main.mjs";

/** A test in which there is a site of somebody else. */
const visitBeside = (name, body) => visit(name, async (open, world) => {
  const elsewhere = await Elsewhere.open();
  try {
    await body(open, world, elsewhere);
  } finally {
    elsewhere.close();
  }
});

/** Addresses that browsers, or those who check addresses for them, have taken for one of this host. */
const disguised = (host) => [
  `//${host}/`, `/\\${host}/`, `\\\\${host}/`, `///${host}/`, `/\t/${host}/`, `/\n/${host}/`, `\t//${host}/`, `http://${host}/`, `http:${host}`, `/.//${host}/`,
  `/x/..//${host}/`, `/./\\${host}/`, `/%2e//${host}/`, `/%2f%2f${host}/`, `%2f%2f${host}/`, `/@${host}/`, "javascript:document.title='taken'",
  "data:text/html,<title>taken</title>", "/\tjavascript:document.title='taken'",
];

visitBeside("whatever an address says where to go on, that is here", async (open, { system }, elsewhere) => {
  const v = await open({ person: ada });
  v.tolerate(/404 \(Not Found\)/);
  const { page } = v;
  const stays = async (what) => {
    await page.getByRole("heading", { name: /^(Objectives|There is nothing here)$/ }).waitFor();
    await v.until(async () => assert.match(await page.title(), /^(Objectives|There is nothing here) – OKR Manager$/, what));
    assert.equal(new URL(page.url()).origin, system.url, what);
  };
  const targets = disguised(elsewhere.host);
  for (const [path, some] of [["/", targets], ["/members", targets.slice(8, 10)], ["/signin", targets.slice(8, 10)]]) {
    for (const target of some) {
      const at = `${path}?return=${encodeURIComponent(target)}`;
      await v.go(at);
      await stays(at);
    }
  }
  // Where a sign-in that leads through another site is to end is in a cookie, and comes back in an address.
  const stranger = await open();
  stranger.tolerate(/404 \(Not Found\)/);
  for (const target of targets) {
    for (const way of ["/signin/google?", "/signin/sso?organization=acme&"]) {
      await stranger.context.request.get(`${system.url}${way}return=${encodeURIComponent(target)}`, { maxRedirects: 0 });
      const cookie = (await stranger.context.cookies()).find(({ name }) => name === "okr_pkce");
      const { return: back } = JSON.parse(Buffer.from(cookie.value, "base64url"));
      assert.ok(back.startsWith("/") && new URL(new URL(back, system.url).pathname, system.url).origin === system.url, `${target} is kept as ${back}`);
    }
  }
  await stranger.go(`/signin/google?return=${encodeURIComponent(`/.//${elsewhere.host}/`)}`);
  await stranger.page.getByRole("button", { name: /Ada Albright/ }).click();
  await stranger.button("Enter Acme").click();
  await stranger.page.getByRole("heading", { name: "Objectives", exact: true }).waitFor();
  await stranger.until(async () => assert.equal(stranger.page.url(), `${system.url}/`));
  assert.deepEqual(elsewhere.visits, []);
});

/** Collects what is secret in a visit, and says where it can be seen that should not hold it. */
class Secrets {
  #found = new Map();
  #asked = [];
  #visitor;

  constructor(visitor) {
    this.#visitor = visitor;
    visitor.context.on("request", (request) => this.#asked.push(request));
  }

  /** Takes in the cookies of the moment and the tokens of the redirects so far. */
  async look() {
    for (const { name, value } of await this.#visitor.context.cookies(this.#visitor.system.url)) this.#found.set(value, name);
    for (const request of this.#asked) {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname === "/authenticate" && searchParams.has("token")) this.#found.set(searchParams.get("token"), "a token of a redirect");
    }
  }

  /** Fails for secrets in what the browser remembers of the visit, and in what pages are made of and could send on. */
  async nowhere(where, ...wanted) {
    await this.look();
    for (const name of wanted) assert.ok([...this.#found.values()].includes(name), `${where}: ${name} was never there`);
    const { context, page, system } = this.#visitor;
    const cdp = await context.newCDPSession(page);
    const { entries } = await cdp.send("Page.getNavigationHistory");
    await cdp.detach();
    const places = await page.evaluate(async () => ({
      location: location.href, referrer: document.referrer, cookie: document.cookie, document: document.documentElement.outerHTML,
      fields: [...document.querySelectorAll("input")].map(({ value }) => value), state: JSON.stringify(history.state),
      storage: JSON.stringify([{ ...localStorage }, { ...sessionStorage }]), resources: performance.getEntries().map(({ name }) => name),
      caches: await caches.keys(), databases: await indexedDB.databases(), workers: (await navigator.serviceWorker.getRegistrations()).length,
    }));
    assert.deepEqual([places.caches, places.databases, places.workers, places.cookie], [[], [], 0, ""], where);
    const ours = entries.map(({ url }) => url).filter((url) => url.startsWith(system.url));
    assert.ok(!ours.some((url) => /[?&#]([a-z_]*token|code)=/.test(url)), `${where}: the history has ${ours.join(" ")}`);
    const referers = await Promise.all(this.#asked.map(async (request) => (await request.allHeaders()).referer ?? ""));
    // The landing itself is asked for with its token, once.
    const asked = this.#asked.map((request) => request.url()).filter((url) => !url.startsWith(`${system.url}/authenticate?`) && url.startsWith(system.url));
    const text = JSON.stringify([places, ours, referers, asked]);
    for (const [secret, name] of this.#found) assert.ok(!text.includes(secret), `${where}: ${name} can be seen in ${text}`);
  }
}

visit("no token stays in an address, a page, the history, storage or a Referer, whatever way one signs in", async (open, { ada: client, system }) => {
  const entered = (v) => v.button(/account menu/).waitFor();

  await client.call("POST", "members:invite", { emailAddress: "nia@acme.test", displayName: "Nia Novak" });
  const { messages: [message] } = await system.provider("GET", "/_dev/outbox?format=json&to=nia@acme.test");
  const invited = await open();
  let secrets = new Secrets(invited);
  await invited.page.goto(JSON.stringify(message).match(/http:[^"\\ ]+token=[^"\\ ]+/)[0]);
  await invited.page.getByRole("heading", { name: "Sign in with this link?" }).waitFor();
  await secrets.nowhere("asked about a link", "okr_link", "a token of a redirect");
  await invited.button("Sign in").click();
  await entered(invited);
  await secrets.nowhere("by a link", "okr_session", "okr_session_jwt");

  const google = await open();
  secrets = new Secrets(google);
  await google.go("/members");
  await google.page.getByRole("link", { name: "Continue with Google" }).click();
  await google.page.getByRole("button", { name: /Max Moreau/ }).click();
  await google.page.getByRole("heading", { name: "Choose an organization" }).waitFor();
  await secrets.nowhere("choosing an organization", "okr_signin", "a token of a redirect");
  await google.button("Enter Acme").click();
  await entered(google);
  await secrets.nowhere("by Google", "okr_session");

  const sso = await open();
  secrets = new Secrets(sso);
  await sso.go("/");
  await sso.page.getByText("Single sign-on of your organization").click();
  await sso.page.getByLabel("Short name of your organization").fill("acme");
  await sso.page.keyboard.press("Enter");
  await sso.page.getByRole("button", { name: /Emma Eriksen/ }).click();
  await entered(sso);
  await secrets.nowhere("by single sign-on", "okr_session", "a token of a redirect");

  const app = await Application.register(system, "Honest Agent");
  try {
    const v = await open();
    secrets = new Secrets(v);
    await v.go(app.ask("read:okrs"));
    await v.page.getByLabel("E-mail address").fill(max.email);
    await v.page.keyboard.press("Enter");
    await v.page.getByLabel("Code").waitFor();
    await v.page.getByLabel("Code").fill(await system.code(max.email));
    await v.page.keyboard.press("Enter");
    await v.button("Enter Acme").click();
    await v.button("Allow").waitFor();
    await secrets.nowhere("asked for consent", "okr_session");
    await v.button("Allow").click();
    await v.page.getByRole("heading", { name: "Back at the app" }).waitFor();
    assert.ok(app.answers[0].get("code"));
    assert.equal(await v.page.evaluate(() => document.referrer), "");
    await v.go("/");
    await entered(v);
    await secrets.nowhere("after consent", "okr_session");
    await v.button(/account menu/).click();
    await v.button("Log out").click();
    await v.page.getByRole("heading", { name: "Sign in", exact: true }).waitFor();
    assert.deepEqual(await v.context.cookies(system.url), [], "nothing is left after logging out");
  } finally { app.close(); }
});

/** The operations of the REST API that are not reads, and reads that answer at once: method and path, with ids filled in. */
async function operations(system, ids) {
  const { paths } = await (await fetch(`${system.url}/api/v1/openapi.json`)).json();
  const all = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map((method) =>
    [method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, (_, name) => ids[name.split(".").at(-1)] ?? "x")]));
  return { writes: all.filter(([method]) => method !== "GET"), reads: all.filter(([method, path]) => method === "GET" && !/:watch|export/.test(path)) };
}

visitBeside("a page of another origin makes and undoes nothing with the cookies that go along, and reads nothing", async (open, { ada: client, system }, elsewhere) => {
  const objective = await client.objective("Stays", { "As it is": 40 });
  const app = await Application.register(system, "Patient Agent");
  try {
    const v = await open({ person: ada, asIs: true });
    v.tolerate(/./); // what is refused is in the log of the browser
    const query = new URL(app.ask("read:okrs"), system.url).searchParams;
    const { authorization } = await (await v.context.request.post(`${system.url}/api/v1/oauth/authorization:start`, { data: {
      clientId: query.get("client_id"), redirectUri: query.get("redirect_uri"), responseType: "code", scope: query.get("scope"), state: query.get("state"),
      codeChallenge: query.get("code_challenge"), codeChallengeMethod: "S256",
    } })).json();
    const { writes, reads } = await operations(system, { objectiveId: objective.id, id: objective.id, keyResultId: objective.keyResults[0].id, memberId: emma.id });
    assert.ok(writes.length > 40 && reads.length > 20, `${writes.length} writes, ${reads.length} reads`);
    const world = async () => Promise.all(["objectives", "changes?orderBy=seq%20desc&pageSize=1", "members", "organization", "connectedApps", "proposals", "session"]
      .map(async (path) => JSON.stringify(await v.client.call("GET", path), (name, value) => (["expireTime", "cursor"].includes(name) ? undefined : value))));
    const before = await world();

    await v.page.goto(elsewhere.url);
    const seen = [];
    v.context.on("request", (request) => {
      if (request.url().startsWith(system.url) && request.method() === "POST") seen.push({ path: new URL(request.url()).pathname, headers: request.allHeaders() });
    });
    const body = JSON.stringify({ title: "Forged", displayName: "Forged", allow: true, authorization, emailAddress: "eve@evil.example", value: "99" });
    const read = await v.page.evaluate(async ([base, writes, reads, body]) => {
      const got = [];
      const ask = (url, options) => fetch(base + url, { credentials: "include", ...options })
        .then(async (response) => { if (response.type !== "opaque") got.push(await response.text()); }, () => {});
      for (const [method, path] of writes) {
        if (method === "POST") await ask(path, { method, mode: "no-cors", body }); // as text/plain: nothing is asked beforehand
        await ask(path, { method, body: method === "DELETE" ? undefined : body, headers: { "content-type": "application/json" } });
        await ask(path, { mode: "no-cors" });
      }
      for (const [, path] of reads) await ask(path, {});
      navigator.sendBeacon(`${base}/api/v1/objectives`, body);
      for (const address of ["/api/v1/session?_method=DELETE", "/api/v1/session:revoke", "/signout", "/logout", "/authenticate"]) {
        await ask(address, { mode: "no-cors" });
        await new Promise((resolve) => { Object.assign(new Image(), { onload: resolve, onerror: resolve, src: base + address }); });
      }
      return got;
    }, [system.url, writes, reads, body]);
    assert.deepEqual(read, [], "what a page of another origin could read");

    // Forms, in windows of their own: a name that ends where a value goes on makes JSON of text/plain.
    for (const [action, enctype] of [
      ["/api/v1/objectives", "text/plain"], ["/api/v1/objectives", "application/x-www-form-urlencoded"], ["/api/v1/import?format=csv", "multipart/form-data"],
      ["/api/v1/oauth/authorization:decide", "text/plain"], ["/api/v1/session:refresh", "text/plain"], ["/authenticate", "application/x-www-form-urlencoded"],
    ]) {
      const popup = v.page.waitForEvent("popup");
      await v.page.evaluate(([target, kind, text]) => {
        const form = Object.assign(document.createElement("form"), { method: "post", action: target, enctype: kind, target: "_blank" });
        form.append(Object.assign(document.createElement("input"), { name: `${text.slice(0, -1)},"x":"`, value: '"}' }));
        document.body.append(form);
        form.submit();
      }, [system.url + action, enctype, body]);
      const window = await popup;
      await window.getByText(/CROSS_ORIGIN|This came from another site/).waitFor();
      await Promise.all(seen.map(({ headers }) => headers));
      await window.close();
    }
    const asked = new Set(seen.map(({ path }) => path));
    for (const [method, path] of writes) if (method === "POST") assert.ok(asked.has(path), path);
    // The browser hides the answers; they are the same to whoever sends what it sends.
    const { cookie } = await seen.at(-1).headers;
    assert.match(cookie, /okr_session=/, "the cookies went along");
    for (const [method, path] of writes) {
      for (const from of [{ "sec-fetch-site": "same-site" }, { "sec-fetch-site": "cross-site" }, { origin: elsewhere.url }, { origin: "null" }]) {
        const answer = await fetch(system.url + path, { method, headers: { cookie, "content-type": "application/json", ...from }, body: "{}" });
        assert.deepEqual([answer.status, (await answer.json()).error.reason], [403, "CROSS_ORIGIN"], `${method} ${path} ${JSON.stringify(from)}`);
      }
    }
    assert.deepEqual(await world(), before);
    assert.deepEqual(app.answers, []);
    const decided = await v.context.request.post(`${system.url}/api/v1/oauth/authorization:decide`, { data: { authorization, allow: true } });
    assert.match((await decided.json()).redirectUri, /code=/, "what was refused would have been an answer");
  } finally { app.close(); }
});

visitBeside("no page is shown in a frame of another origin", async (open, { ada: client, system }, elsewhere) => {
  await client.call("POST", "members:invite", { emailAddress: "nia@acme.test", displayName: "Nia Novak" });
  const { messages: [message] } = await system.provider("GET", "/_dev/outbox?format=json&to=nia@acme.test");
  const app = await Application.register(system, "Framed Agent");
  try {
    const v = await open({ person: ada });
    v.tolerate(/frame|404/i);
    const paths = ["/", "/check-ins", "/activity", "/proposals", "/members", "/settings", "/agents", "/about", "/organizations", "/signin", app.ask("read:okrs"), "/docs", "/nope",
      new URL(JSON.stringify(message).match(/http:[^"\\ ]+token=[^"\\ ]+/)[0]).pathname];
    await v.page.goto(JSON.stringify(message).match(/http:[^"\\ ]+token=[^"\\ ]+/)[0]); // so that there is a question to be framed
    await v.button("Sign in").waitFor();
    await v.page.goto(elsewhere.page("/frames", paths.map((path) => `<iframe src="${system.url}${path.replaceAll("&", "&amp;")}"></iframe>`).join("")));
    const frames = v.page.frames().slice(1);
    assert.equal(frames.length, paths.length);
    for (const [i, frame] of frames.entries()) {
      await frame.waitForLoadState();
      await v.until(async () => assert.match(frame.url(), /^chrome-error:/, paths[i]));
    }
  } finally { app.close(); }
});

const markup = `"><img src=x onerror="document.title='taken'"><svg onload="document.title='taken'"></svg><script>document.title='taken'</script>[x](javascript:alert(1))`;
const rightToLeft = "\u05e9\u05dc\u05d5\u05dd 12"; // Hebrew, and a number that would change places with what stands behind it
const turned = "\u200b\u200f\u2069\u202e"; // ends an isolation that it is in, and turns all that follows around

/** What people and agents are called who want to be somebody else, and what they write. */
async function mischief({ ada: client, system }) {
  const title = `${markup} ${rightToLeft}`;
  await system.provider("PUT", `/v1/b2b/organizations/${acme}`, { organization_name: `<b>Acme</b>${turned}` });
  await system.provider("PUT", `/v1/b2b/organizations/${acme}/members/${max.id}`, { name: `<b>Max</b> ${rightToLeft}${turned}` });
  const made = await client.call("POST", "objectives", { title, description: `${title} ${"x".repeat(200)}`, ownerId: max.id, cycle: "2026" });
  const below = await client.call("POST", "objectives", { title: "Below", parentId: made.id });
  const kr = await client.call("POST", `objectives/${made.id}/keyResults`, { title, unit: rightToLeft, targetValue: "7", ownerId: ada.id });
  await client.call("POST", `objectives/${below.id}/keyResults`, { title, ownerId: ada.id }); // nobody has reported on it
  await client.call("POST", `keyResults/${kr.id}/checkIns`, { value: "2", note: title, evidence: [{ url: "https://example.com/%22onload=x", observedValue: title.slice(0, 60) }] });
  const agent = await Client.agent(system, ada, `<b>Bot</b> ${rightToLeft}${turned}`, ["read:okrs", "manage:objectives", "manage:krs"]);
  await agent.call("POST", `keyResults/${kr.id}/checkIns`, { value: "3", note: title });
  await agent.call("PATCH", `objectives/${below.id}?mode=WRITE_MODE_PROPOSE`, { title: `${title} more`, description: `${markup} less` });
  await client.call("POST", `objectives/${made.id}:close`, { score: "0.6", closingNote: title });
  const { message } = await client.call("POST", `keyResults/${kr.id}/checkIns`, { value: "4", evidence: [{ url: "javascript:alert(1)" }] }).then(() => ({ message: "it was taken" }), (error) => error);
  assert.match(message, /FIELD_INVALID/, "a link that runs is refused");
  return made;
}

/** Fails for markup that texts became, and for texts that have an effect on what stands beside them. */
async function harmless(v, where) {
  const found = await v.page.evaluate(() => {
    const problems = [];
    for (const element of document.querySelectorAll("body *")) {
      const bad = element.matches("img[src=x], script:not([src]), base, iframe, object, embed, main b") || element.getAttributeNames().some((name) => name.startsWith("on"))
        || /^(?!https?:)/.test(element.href?.baseVal ?? (element.hasAttribute("href") ? element.href : "https:"));
      if (bad) problems.push(element.outerHTML.slice(0, 200));
    }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const text = walker.currentNode.data;
      if (walker.currentNode.parentElement.closest("textarea")) continue; // what is edited is as it is, in a box of its own
      let depth = 0;
      for (const sign of text) {
        if (sign >= "\u2066" && sign <= "\u2068") depth += 1;
        else if (sign === "\u2069") depth -= 1;
        else if (/[\u202a-\u202e]/.test(sign) || (/[\u0590-\u08ff\u200e\u200f]/.test(sign) && depth < 1)) depth = NaN;
      }
      if (depth !== 0) problems.push(JSON.stringify(text));
    }
    return { problems, title: document.title };
  });
  assert.deepEqual(found.problems, [], where);
  assert.doesNotMatch(found.title, /taken|[\u202a-\u202e]/, where);
}

visit("what people and agents write is text that leaves the rest alone, in every view and dialog, and on a phone", async (open, world) => {
  const made = await mischief(world);
  const v = await open({ person: ada, size: phone });
  const { page } = v;
  page.on("dialog", (dialog) => assert.fail(dialog.message()));
  const shows = async (where, locator) => {
    await locator.first().waitFor();
    await harmless(v, where);
    await v.fits(where);
  };
  const inDialog = async (where, button, what) => {
    await page.getByRole("button", { name: button }).first().click();
    await shows(where, page.getByRole("dialog").locator(what));
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  };
  await v.go("/");
  await shows("cards", page.getByRole("heading", { name: markup }));
  await page.emulateMedia({ media: "print" });
  await harmless(v, "print");
  await page.emulateMedia({ media: "screen" });
  await inDialog("deleting asks", /^Delete “.*img/, ".subject");
  await inDialog("a history", /^History of “.*img/, ".changes > li");
  await page.locator(`#${made.id} > article > header`).getByRole("button", { name: /^Edit/ }).click();
  await shows("an editor", page.getByLabel("Text of the objective"));
  await page.getByLabel("Text of the objective").fill(`${markup} mine`);
  await world.ada.call("PATCH", `objectives/${made.id}`, { title: `${markup} ${rightToLeft} other` });
  await shows("two values", page.locator(".conflict"));
  await page.getByRole("button", { name: "Leave it as it is now" }).click();
  const agent = await Client.agent(world.system, max, `Bot${turned}`, ["read:okrs", "manage:krs"]);
  await agent.call("POST", `objectives/${made.id}/keyResults`, { title: `${markup} ${rightToLeft} live` });
  await v.hears(/added the key result/);
  await shows("what an agent just did", page.locator(".by"));
  for (const [path, locator] of [
    ["/check-ins", page.getByRole("heading", { name: markup })], ["/activity", page.locator(".changes > li")], ["/proposals", page.locator(".difference ins")],
    ["/members", page.getByText("max@acme.test")], ["/settings", page.getByText("Ways to sign in")], ["/agents", page.getByRole("article")],
    ["/organizations", page.getByText("You are here")],
  ]) {
    await v.go(path);
    await shows(path, locator);
    if (path === "/agents") await inDialog("disconnecting asks", /^Disconnect “/, "text=It cannot act");
    if (path === "/proposals") await inDialog("rejecting asks", /^Reject/, "form");
    if (path === "/members") await inDialog("deactivating asks", /^Deactivate .*Max/, "text=Sessions end");
  }
  await v.button(/account menu/).click();
  await shows("the account menu", page.getByText("Log out"));
});

visit("an application’s name does not change places with where the answer goes", async (open, { system }) => {
  const app = await Application.register(system, "Planner");
  const v = await open({ person: ada });
  try {
    // The server takes such signs out of the name; this is a server that does not.
    await v.page.route("**/authorization:start", async (route) => {
      const answer = await (await route.fetch()).json();
      answer.client.name = `P ${rightToLeft}${turned}`;
      await route.fulfill({ json: answer });
    });
    await v.go(app.ask("read:okrs"));
    const heading = v.page.getByRole("heading", { level: 1 }).filter({ hasText: "in?" });
    await heading.waitFor();
    // As it is drawn, what follows the name stands where it stands in the question.
    const [end, rest] = await heading.evaluate((element) => ["”", "in?"].map((words) => {
      const node = [...element.childNodes].find(({ data }) => data?.includes(words));
      const range = document.createRange();
      range.setStart(node, node.data.lastIndexOf(words));
      range.setEnd(node, node.data.lastIndexOf(words) + words.length);
      return range.getBoundingClientRect().toJSON();
    }));
    assert.ok(rest.top === end.top && rest.left > end.left, `${JSON.stringify(rest)} follows ${JSON.stringify(end)}`);
    await harmless(v, "consent");
    assert.equal(await v.page.locator(".host").innerText(), new URL(app.redirect).host);
  } finally { app.close(); }
});

visitBeside("markup that got into a page anyway runs nothing, loads nothing and sends nothing away", async (open, world, elsewhere) => {
  const v = await open({ person: ada });
  v.tolerate(/Content Security Policy|Trusted/);
  v.tries(elsewhere.url);
  await v.go("/about");
  await v.page.getByRole("heading", { name: "Connect an AI agent" }).waitFor();
  await v.page.evaluate(async (url) => {
    const found = globalThis.stopped = new Set();
    addEventListener("securitypolicyviolation", (event) => found.add(event.effectiveDirective));
    const add = (name, attributes) => {
      const element = document.createElement(name);
      for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
      document.body.append(element);
      return element;
    };
    const attempts = [
      () => { document.body.innerHTML = "<b>taken</b>"; },
      () => add("img", { src: `${url}/image` }),
      () => add("iframe", { src: `${url}/frame` }),
      () => add("link", { rel: "stylesheet", href: `${url}/style` }),
      () => { add("style", {}).textContent = "h1 { display: none }"; },
      () => { add("script", {}).textContent = "document.title = 'taken'"; },
      () => add("button", { onclick: "document.title = 'taken'" }).click(),
      () => add("base", { href: url }),
      () => add("form", { method: "post", action: `${url}/form` }).submit(),
      () => fetch(`${url}/fetch`),
    ];
    for (const attempt of attempts) {
      try { await attempt(); } catch { /* refused at once */ }
    }
  }, elsewhere.url);
  await v.until(async () => { // the reports come later
    const stopped = await v.page.evaluate(() => [...globalThis.stopped]);
    for (const directive of ["connect-src", "form-action", "frame-src", "img-src", "require-trusted-types-for", "style-src-elem", "base-uri"]) {
      assert.ok(stopped.includes(directive), `${directive} is not among ${stopped}`);
    }
  });
  const now = await v.page.evaluate(() => [document.title, document.querySelector("h1").checkVisibility()]);
  assert.deepEqual(now, ["About and help – OKR Manager", true]);
  assert.deepEqual(elsewhere.visits, []);
});
