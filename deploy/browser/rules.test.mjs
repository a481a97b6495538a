// What the page works out by itself, without a browser: what follows from measured values, as the server derives it, and how
// values are read and written. And what the source of the app keeps to.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { cycleDays, cycleName } from "../../gateway/rest/web/assets/core/days.js";
import { language } from "../../gateway/rest/web/assets/core/locale.js";
import { sameValue, valueText } from "../../gateway/rest/web/assets/core/values.js";
import { parseValue } from "../../gateway/rest/web/assets/forms/typed.js";
import { attainment, changed, reported } from "../../gateway/rest/web/assets/okrs/become.js";
import { derived } from "../../gateway/rest/web/assets/okrs/rules.js";
import { ada } from "./people.mjs";
import { visit } from "./main.mjs";
import { modules, sourceOf, texts } from "./source.mjs";

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const number = (most) => String(Math.floor(Math.random() * most));
const day = (days) => new Date(Date.now() + days * 24 * 60 * 60 * 1000).toISOString().slice(0, 10);

/** Takes away what is derived. */
const bare = ({ period, progress, expectedProgress, keyResults, ...rest }) =>
  ({ ...rest, keyResults: keyResults.map(({ expectedAttainment, stale, ...kr }) => kr) });

visit("what follows from measured values is what the server says", async (open, { ada: client }) => {
  const year = new Date().getUTCFullYear();
  for (let i = 0; i < 12; i += 1) {
    const objective = await client.call("POST", "objectives", {
      title: `Goal ${i}`, ownerId: ada.id, cycle: pick(["", String(year), `${year}-H1`, `${year}-H2`, `${year}-Q4`, `${year + 1}-Q1`]),
      startDate: pick(["", "", day(-number(90))]), dueDate: pick(["", day(0), day(500)]),
    }).catch(() => client.call("POST", "objectives", { title: `Goal ${i}` })); // a start after its cycle
    for (let j = 0; j < i % 5; j += 1) {
      const kr = await client.call("POST", `objectives/${objective.id}/keyResults`, pick([
        { title: "Percent" }, { title: "Milestone", kind: "KEY_RESULT_KIND_MILESTONE", weight: 7 },
        { title: "Down", startValue: "200", targetValue: "-3.5", weight: 1 + Number(number(100)) }, { title: "Up", startValue: "0.001", targetValue: "0.007", weight: 3 },
      ]));
      const value = kr.kind === "KEY_RESULT_KIND_MILESTONE" ? pick(["0", "100"]) : pick([number(100), kr.targetValue, "0.004"]);
      await client.call("POST", `keyResults/${kr.id}/checkIns`, { value });
    }
    if (i % 4 === 3) await client.call("POST", `objectives/${objective.id}:close`, { score: "1" });
    const wanted = await client.call("GET", `objectives/${objective.id}`);
    assert.deepEqual(JSON.parse(JSON.stringify(derived(bare(wanted)))), wanted);
    for (const kr of wanted.keyResults) assert.equal(attainment(kr), kr.attainment, JSON.stringify(kr));
  }
});

visit("values are exact, whatever their length", async () => {
  for (const [typed, value] of [
    ["12", "12"], [" 1,234.50 ", "1234.50"], ["-0.5", "-0.5"], [".5", "0.5"], ["007", "7"], ["-0", "0"], ["123456789012345678", "123456789012345678"],
    ["1.", "1"], ["\u22123", "-3"], ["1234567890123456789", null], ["12345678901234567.8", "12345678901234567.8"], ["123456789012345678.9", null], ["", null], ["1,23", null], ["1 5", null], ["1 234", null], ["0,123", null], ["1,234,5", null], ["1e3", null], ["--1", null], ["12 %", null], ["1.2.3", null],
  ]) assert.equal(parseValue(typed), value, typed);
  assert.ok(sameValue("1.50", "1.5") && sameValue("-0.0", "0") && sameValue("100", "100.0"));
  assert.ok(!sameValue("10", "1") && !sameValue("100", "1.00"));
  const number = { format: "VALUE_FORMAT_NUMBER", unit: "" };
  assert.equal(valueText(number, "123456789012345678"), "123,456,789,012,345,678");
  assert.equal(valueText(number, "0.12345678901234567"), "0.12345678901234567");
  assert.equal(valueText({ format: "VALUE_FORMAT_CURRENCY", unit: "EUR" }, "-12.5"), "-€12.50");
  assert.equal(valueText({ format: "VALUE_FORMAT_CURRENCY", unit: "euros" }, "3"), "3\u00a0euros");
  assert.equal(valueText({ format: "VALUE_FORMAT_PERCENT", unit: "" }, "33.5"), "33.5\u202f%");
});

visit("what a write is to become is what the server makes of it", async (open, { ada: client }) => {
  const { id } = await client.objective("Goal");
  const own = ({ title, startValue, targetValue, currentValue, attainment: done, confidence, checkInCount, agentReport }) =>
    ({ title, startValue, targetValue, currentValue, attainment: done, confidence, checkInCount, agentReport });
  for (const [startValue, targetValue, values] of [
    ["0", "3", ["1", "2", "2.9999", "3", "4", "-1"]], ["12", "1", ["6.5", "12.5", "1.01", "1", "0"]], ["-0.5", "0.25", ["0", "-0.49", "0.249"]],
    ["0", "999999999999999999", ["999999999999999998", "4999999999999999.99"]], ["0", "200", ["1", "0.99", "199"]],
  ]) {
    let kr = await client.call("POST", `objectives/${id}/keyResults`, { title: "Moves", startValue, targetValue });
    const edited = { title: "Moved", startValue: `${startValue}0`.replace("00", "0"), targetValue };
    const guess = changed(kr, edited);
    kr = await client.call("PATCH", `keyResults/${kr.id}?updateMask=${Object.keys(edited)}`, edited);
    assert.deepEqual(own(guess), own(kr));
    for (const value of values) {
      const expected = reported(kr, { value, confidence: pick(["", "CONFIDENCE_AT_RISK"]) });
      await client.call("POST", `keyResults/${kr.id}/checkIns`, { value, ...(expected.confidence !== kr.confidence && { confidence: expected.confidence }) });
      kr = await client.call("GET", `keyResults/${kr.id}`);
      assert.deepEqual(own(expected), own(kr));
    }
    await client.call("DELETE", `keyResults/${kr.id}`);
  }
});

visit("cycles are spans of the calendar", async () => {
  assert.deepEqual(cycleDays("2028-Q1"), { startDate: "2028-01-01", dueDate: "2028-03-31" });
  assert.deepEqual(cycleDays("2028-H1"), { startDate: "2028-01-01", dueDate: "2028-06-30" });
  assert.deepEqual(cycleDays("2028-H2"), { startDate: "2028-07-01", dueDate: "2028-12-31" });
  assert.deepEqual(cycleDays("2028"), { startDate: "2028-01-01", dueDate: "2028-12-31" });
  assert.equal(cycleDays(""), undefined);
  assert.equal(cycleName("2028-Q1"), "Q1\u00a02028");
});

/** What stands in the source like a text for people, and is none. */
const unseen = new Set([
  "Escape", "Enter", "Tab", "Ctrl", "Key", "ArrowUp", "ArrowDown", // keys
  "Content-Type", "If-Match", "ErrorInfo", "BadRequest", "RequestInfo", "seq desc", "create_time desc", "second factor", // of the API
  "Value", // the end of a name of the API
  "(pointer: fine)", "main :is(.cards > li, .tree li)", ":scope > [tabindex], :is(h2, h3)[tabindex], .node a", "input, select", "input, button", "body, h1", ".attainment input", // of styles
  "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], ", "\0, main [role=search] :is(input, select)",
]);

/** What of a text people would see as words. */
function seen({ tag, text }) {
  if (tag !== "html") return /\p{L}{2}[,.:;]? \p{L}|^\p{Lu}\p{Ll}|\p{L}[.!?…]$/u.test(text) && !unseen.has(text) ? [text] : [];
  const spoken = /\b(?:alt|aria-(?:description|label|roledescription|valuetext)|data-tip|hint|label|placeholder|title)="[^"\0]*\p{L}[^"]*"/gu;
  return [...text.match(spoken) ?? [], ...text.replaceAll(/<[^>]*>/g, "\0").match(/\p{L}{2,}/gu) ?? []];
}

visit("what is to be read stands in the files of texts, which are in the language that the page is said to be in", async () => {
  const found = modules().filter((name) => !name.endsWith("strings.js"))
    .flatMap((name) => texts(sourceOf(name)).flatMap(seen).map((words) => `${name}: ${words}`));
  assert.deepEqual(found, []);
  for (const planted of ["html`<p>Hello ${name}</p>`", "html`<b>${a && html`<i title=\"Go on\">${b}</i>`}</b>`", "`${n} were changed`", "say('Saved.')", "f(/[`]/, \"just now\")"]) {
    assert.equal(texts(planted).flatMap(seen).length, 1, planted);
  }
  const layout = readFileSync(new URL("../../gateway/rest/web/pages/layout.html", import.meta.url), "utf8");
  assert.equal(layout.match(/<html lang="(\w+)"/)[1], language);
});

visit("one module says what is written as whose language and region have it", async () => {
  const own = modules().filter((name) => /\bIntl\.\w+\((?:\)|undefined|\[|")|\.toLocale\w*String\(/.test(sourceOf(name)));
  assert.deepEqual(own, ["core/locale.js", "forms/owner.js"]); // which asks what there is; and orders names as the browser does
});
