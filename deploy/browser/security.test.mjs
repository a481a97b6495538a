// What pages of others, addresses and texts that somebody made up for the purpose cannot do.

import assert from "node:assert/strict";
import { Elsewhere } from "./elsewhere.mjs";
import { ada } from "./people.mjs";
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
    assert.equal(new URL(page.url()).origin, system.url, what);
    assert.match(await page.title(), /^(Objectives|There is nothing here) – OKR Manager$/, what);
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
  assert.equal(stranger.page.url(), `${system.url}/`);
  assert.deepEqual(elsewhere.visits, []);
});
