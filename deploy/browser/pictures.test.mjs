// How the main pages look: each beside its picture in testdata/pictures, in both colours, on a desk and on a phone.
//
// OKR_PICTURES=update takes the pictures anew; look at them before they are kept. Where a page looks different, what was
// seen and the difference are beside the other pictures of a run, in deploy/browser/pictures.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Application } from "./application.mjs";
import { ada, Client, emma, max, someId } from "./people.mjs";
import { pixelmatch, PNG } from "./tools.mjs";
import { visit } from "./main.mjs";

// What other versions of the browser and its libraries draw differently is less than this; a line of text that breaks
// elsewhere is more.
const tolerance = 0.2; // of the colour of one pixel, as pixelmatch measures it
const mostDifferent = 0.004; // of the pixels

const update = process.env.OKR_PICTURES === "update";
const goldens = fileURLToPath(new URL("./testdata/pictures/", import.meta.url));
const seen = fileURLToPath(new URL("./pictures/", import.meta.url));
mkdirSync(goldens, { recursive: true });

const now = new Date("2026-11-16T09:00:00Z"); // of all pages
const day = (days) => new Date(now.getTime() + days * 24 * 60 * 60 * 1000).toISOString();

const sizes = { phone: { width: 320, height: 1000 }, desk: { width: 1280, height: 860 } };

/** Half as wide and high, so that how the edges of letters are drawn counts for little. */
function halved(picture) {
  const half = new PNG({ width: picture.width >> 1, height: picture.height >> 1 });
  for (let y = 0; y < half.height; y += 1) {
    for (let x = 0; x < half.width; x += 1) {
      for (let part = 0; part < 4; part += 1) {
        const at = (2 * y * picture.width + 2 * x) * 4 + part;
        const below = at + picture.width * 4;
        half.data[(y * half.width + x) * 4 + part] = (picture.data[at] + picture.data[at + 4] + picture.data[below] + picture.data[below + 4]) >> 2;
      }
    }
  }
  return half;
}

/** Makes what differs from run to run and from machine to machine the same: ports, times of the server, the machine's fonts. */
const evenOut = () => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { currentNode: text } = texts;
    const even = text.data.replaceAll(/(localhost|127\.0\.0\.1):\d+/g, "$1:3000")
      .replaceAll(/\w{3} \d{1,2}, \d{4}, \d{1,2}:\d\d\s[AP]M/g, "Nov 16, 2026, 9:00 AM");
    if (even !== text.data) text.data = even;
  }
  const style = new CSSStyleSheet();
  style.replaceSync("code, pre { font-family: Figtree, sans-serif !important } * { caret-color: transparent !important }");
  document.adoptedStyleSheets.push(style);
};

const looks = 10; // at one page, which may not be there whole at the first
const between = 300; // milliseconds

/** Compares what is seen with its picture; answers what is wrong, "" for nothing. */
async function compare(page, name) {
  let wrong = "";
  for (let look = 1; look <= looks; look += 1) {
    if (look > 1 || update) await page.waitForTimeout(between);
    wrong = await difference(page, name);
    if (!wrong && !update) return "";
  }
  return wrong;
}

/** What is wrong at the moment. */
async function difference(page, name) {
  await page.evaluate(evenOut);
  await page.evaluate(() => document.fonts.ready);
  const is = halved(PNG.sync.read(await page.screenshot({ animations: "disabled" })));
  const golden = `${goldens}${name}.png`;
  if (update) {
    writeFileSync(golden, PNG.sync.write(is, { deflateLevel: 9 }));
    return "";
  }
  if (!existsSync(golden)) return `${name}: there is no picture; OKR_PICTURES=update takes it`;
  const was = PNG.sync.read(readFileSync(golden));
  const { width, height } = was;
  if (is.width !== width || is.height !== height) return `${name}: ${is.width} by ${is.height}, not ${width} by ${height}`;
  const differs = new PNG({ width, height });
  const share = pixelmatch(was.data, is.data, differs.data, width, height, { threshold: tolerance }) / (width * height);
  if (share <= mostDifferent) return "";
  writeFileSync(`${seen}${name}-seen.png`, PNG.sync.write(is));
  writeFileSync(`${seen}${name}-difference.png`, PNG.sync.write(differs));
  return `${name}: ${(100 * share).toFixed(2)} % of it look different: see ${seen}${name}-difference.png`;
}

/** The same in all runs: ids, times and all. */
async function fill(client, system) {
  const made = { createTime: day(-47) };
  const kr = (title, fields, ...checkIns) => ({
    keyResult: { id: someId("kr"), title, ...made, ...fields },
    checkIns: checkIns.map(([days, value, confidence, note = ""]) => ({
      id: someId("chk"), value, note, createTime: day(days), ...(confidence && { confidence: `CONFIDENCE_${confidence}` }),
    })),
  });
  await client.import([
    { objective: { id: someId("okr"), title: "Be found by those who look", cycle: "2026-Q3", ownerId: emma.id, ...made, state: "OBJECTIVE_STATE_CLOSED", score: "0.6", closingNote: "Six of ten.", closeTime: day(-40) },
      keyResults: [kr("Ten mentions", { targetValue: "10", unit: "mentions" }, [-42, "6"])] },
    { objective: { id: someId("okr"), title: "Keep whom we have", cycle: "2026", ownerId: ada.id, ...made, description: "They are worth it.\nMost of them came by word of mouth." },
      keyResults: [
        kr("Customers who renew early", { startValue: "20", targetValue: "80", unit: "customers", ownerId: ada.id, weight: 2 },
          [-45, "22"], [-33, "31", "ON_TRACK"], [-20, "29", "AT_RISK", "Two wait for a price."], [-6, "45", "AT_RISK", "One signed."]),
        kr("Money from renewals", { targetValue: "250000", unit: "EUR", format: "VALUE_FORMAT_CURRENCY" }, [-20, "61250.50", "OFF_TRACK"]),
      ] },
    { objective: { id: someId("okr"), title: "Make planning something people look forward to", cycle: "2026-Q4", ownerId: max.id, ...made },
      keyResults: [
        kr("Nine of ten teams review their numbers every week", { ownerId: ada.id }, [-12, "40", "ON_TRACK"], [-5, "72", "ON_TRACK"]),
        kr("Median time from idea to objective under a day", { startValue: "12", targetValue: "1", unit: "days", ownerId: emma.id }, [-3, "6", "AT_RISK"]),
        kr("The autumn survey is evaluated", { kind: "KEY_RESULT_KIND_MILESTONE", ownerId: ada.id }),
      ] },
  ]);
  const { objectives: [first] } = await client.call("GET", "objectives");
  const planner = await Client.agent(system, ada, "Planner", ["read:okrs", "manage:objectives"]);
  await planner.call("PATCH", `objectives/${first.id}?mode=WRITE_MODE_PROPOSE`, { title: "Make planning a pleasure" });
}

/** The pages, and what leads to each. */
const pages = {
  objectives: async (v) => { await v.go("/"); await v.page.locator("article").nth(2).waitFor(); await v.page.getByText("Max Moreau", { exact: true }).first().waitFor(); },
  history: async (v) => {
    await pages.objectives(v);
    await v.button("History of “Customers who renew early”").click();
    await v.page.getByRole("dialog").getByRole("img").waitFor();
    await v.page.locator(".changes > li").first().waitFor();
  },
  "check-ins": async (v) => { await v.go("/check-ins"); await v.page.locator(".key-result").nth(2).waitFor(); },
  "check-in": async (v) => {
    await pages["check-ins"](v);
    await v.button("Check in on “Customers who renew early”").click();
    await v.page.getByRole("form", { name: "Check in on “Customers who renew early”" }).locator("input:focus").waitFor();
    await v.page.mouse.move(0, 0);
    await v.page.locator(".tip").waitFor({ state: "hidden" });
  },
  agents: async (v) => { await v.go("/agents"); await v.page.getByRole("heading", { name: "“Planner”", level: 2 }).waitFor(); },
  proposals: async (v) => { await v.go("/proposals"); await v.page.locator("article").first().waitFor(); },
  settings: async (v) => { await v.go("/settings"); await v.page.getByText("Ways to sign in").waitFor(); await v.page.getByText("Acme Workforce").waitFor(); },
  members: async (v) => { await v.go("/members"); await v.page.getByText("max@acme.test").waitFor(); },
  print: async (v) => { await pages.objectives(v); await v.page.emulateMedia({ media: "print" }); },
};

for (const [size, viewport] of Object.entries(sizes)) {
  visit(`the pages look as in their pictures (${size})`, async (open, { ada: client, system }) => {
    await fill(client, system);
    const v = await open({ person: ada, size: viewport });
    await v.page.clock.setFixedTime(now);
    const wrong = [];
    const both = async (name, one, show) => {
      for (const colorScheme of ["light", "dark"]) {
        await one.page.emulateMedia({ colorScheme, media: "screen" });
        await show(one);
        wrong.push(await compare(one.page, `${name}-${size}-${colorScheme}`));
      }
    };
    for (const [name, show] of Object.entries(pages)) {
      await both(name, v, async () => {
        await v.page.evaluate(() => sessionStorage.clear()).catch(() => {}); // what another page was left with; the first is none
        await show(v);
      });
    }
    const app = await Application.register(system, "Planner");
    try {
      await both("consent", v, async () => {
        await v.go(app.ask("profile read:okrs manage:krs manage:objectives"));
        await v.button("Allow").waitFor();
      });
    } finally { app.close(); }
    const nobody = await open({ size: viewport });
    await both("sign-in", nobody, async () => { await nobody.go("/signin"); await nobody.page.getByLabel("E-mail address").waitFor(); });
    assert.deepEqual(wrong.filter(Boolean), []);
  }, 300_000);
}
