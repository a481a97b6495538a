// Numbers and days for people of other places: typed, shown, and the same for everybody in the end.

import assert from "node:assert/strict";
import { ada } from "./people.mjs";
import { visit } from "./main.mjs";

const two = null; // what could be two values, and is not guessed

/**
 * read: what is typed, and the value that it is; undefined for none. typed, shown, stored: a value on its way. again: how its
 * field has it then. day: how 2027-03-09 is written.
 */
const places = {
  "en-US": {
    read: { "1,234": "1234", "1.234": "1.234", "1,234,567.5": "1234567.5", "1,5": undefined, "1,23,456": undefined, "12,34": undefined, "1 234": undefined, "1 5": undefined, "\u22125": "-5", "\uff11\uff12.\uff15": "12.5" },
    typed: "1,234.50", stored: "1234.50", shown: "1,234.50 of 5,000 visits", again: "1234.50", day: "Mar 9, 2027",
  },
  "de-DE": {
    read: { "1.234": two, "-1.234": two, "1.000": two, "1234": "1234", "1,234": "1.234", "1.5": "1.5", "1.2345": "1.2345", "0.123": "0.123", "1.234,5": "1234.5", "1.234.567": "1234567", "12.34.567": undefined, "1 234": undefined },
    typed: "1.234,5", stored: "1234.5", shown: "1.234,5 of 5.000 visits", again: "1234,5", day: "9 Mar 2027",
  },
  "es-ES": {
    read: { "1234": "1234", "1.234": two, "12.345": two, "12.345,5": "12345.5", "1.5": "1.5" },
    typed: "1234,5", stored: "1234.5", shown: "1234,5 of 5000 visits", again: "1234,5", day: "9 Mar 2027",
  },
  "fr-FR": {
    read: { "1 234": "1234", "1\u202f234,5": "1234.5", "1\u00a0234": "1234", "1.234": "1.234", "1,234": "1.234", "1 5": undefined, "12 34": undefined, "1 234 5": undefined },
    typed: "1 234,5", stored: "1234.5", shown: "1\u202f234,5 of 5\u202f000 visits", again: "1234,5", day: "9 Mar 2027",
  },
  "en-IN": {
    read: { "1,23,456": "123456", "12,34,567.5": "1234567.5", "1,234": "1234", "123,456": undefined, "1,2345": undefined },
    typed: "1,23,456.5", stored: "123456.5", shown: "1,23,456.5 of 5,000 visits", again: "123456.5", day: "9 Mar 2027",
  },
  "fa-IR": {
    read: { "۱٬۲۳۴٫۵": "1234.5", "۱۲": "12", "12.5": "12.5", "۱۲.۵": "12.5", "\u200e\u2212۵": "-5", "1,234": undefined, "۱٬۲۳": undefined },
    typed: "۱٬۲۳۴٫۵", stored: "1234.5", shown: "۱٬۲۳۴٫۵ of ۵٬۰۰۰ visits", again: "۱۲۳۴٫۵", day: "Mar 9, 2027",
  },
  "ar-EG": {
    read: { "١٬٢٣٤٫٥": "1234.5", "\u061c-٥": "-5", "1234.5": "1234.5", "۵": undefined },
    typed: "١٢٣٤٫٥", stored: "1234.5", shown: "١٬٢٣٤٫٥ of ٥٬٠٠٠ visits", again: "١٢٣٤٫٥", day: "Mar 9, 2027",
  },
  "ja-JP": {
    read: { "１２３４．５": "1234.5", "１，２３４": "1234", "－１": "-1", "12,34": undefined },
    typed: "１，２３４．５", stored: "1234.5", shown: "1,234.5 of 5,000 visits", again: "1234.5", day: "Mar 9, 2027",
  },
  "th-TH": {
    read: { "1,234.5": "1234.5" },
    typed: "1,234.5", stored: "1234.5", shown: "1,234.5 of 5,000 visits", again: "1234.5", day: "Mar 9, 2027",
  },
};

/** A text whose numbers may be isolated from what stands beside them, as those in Arabic digits are. */
const isolated = (text) => new RegExp(text.split(" ").map((part) => part.replaceAll(".", "\\.")).join("[\u2068\u2069]* [\u2068\u2069]*"));

for (const [locale, { read, typed, stored, shown, again, day }] of Object.entries(places)) {
  visit(`a number is typed, kept and shown as ${locale} writes it, and a day is the one that its field has`, async (open, { ada: client }) => {
    const { id } = await client.call("POST", "objectives", { title: "Be found", dueDate: "2027-03-09" });
    const kr = await client.call("POST", `objectives/${id}/keyResults`, { title: "Visits", format: "VALUE_FORMAT_NUMBER", targetValue: "5000", unit: "visits" });
    await client.call("POST", `objectives/${id}/keyResults`, { title: "Percent" });
    const v = await open({ person: ada, locale });
    const { page } = v;
    await v.go("/");
    const card = v.card("Be found");
    await card.getByText(day, { exact: true }).waitFor();

    const module = await page.evaluate(() => new URL("../forms/typed.js", document.querySelector('[href$="/core/values.js"]').href).href);
    const values = await page.evaluate(async ([address, all]) => {
      const { numberError, parseValue } = await import(address);
      return all.map((one) => [one, parseValue(one) ?? (/two numbers/.test(numberError(one)) ? null : undefined)]);
    }, [module, Object.keys(read)]);
    assert.deepEqual(Object.fromEntries(values), read);

    const field = card.getByLabel("Value of “Visits”");
    await field.fill(typed);
    await field.press("Enter");
    await card.getByText(isolated(shown.replace(" visits", "\u00a0visits"))).waitFor();
    await v.hears(/“Visits” is at/);
    assert.equal((await client.call("GET", `keyResults/${kr.id}`)).currentValue, stored);
    // The page may hear of the change before the answer to the call, which is when the field takes the new value.
    await page.waitForFunction(([input, wanted]) => input.value === wanted, [await field.elementHandle(), again]);
    const percent = card.getByLabel("Percent achieved of “Percent”"); // a field that takes 0 to 9 alone
    await percent.fill("40");
    await percent.press("Enter");
    await v.hears(/“Percent” is at/);
    await v.until(async () => assert.equal(await percent.inputValue(), "40"));
    await card.getByRole("button", { name: "Edit “Visits”" }).click();
    await card.getByLabel("To", { exact: true }).fill(typed);
    await card.getByRole("button", { name: "Save" }).click();
    await card.locator("form.editor").waitFor({ state: "detached" });
    await v.hears(/Saved/);
    assert.equal((await client.call("GET", `keyResults/${kr.id}`)).targetValue, stored);
    await v.accessible(`an objective in ${locale}`);
    await v.picture(`locale-${locale}`);
  });
}

visit("what can be read as two numbers is not guessed: the field shows both, and how to type each", async (open, { ada: client }) => {
  const { id } = await client.objective("Be found");
  const kr = await client.call("POST", `objectives/${id}/keyResults`, { title: "Visits", format: "VALUE_FORMAT_NUMBER", targetValue: "5000" });
  const v = await open({ person: ada, locale: "de-DE" });
  await v.go("/");
  const card = v.card("Be found");
  const why = "“1.234” can be read as two numbers: type 1234 for the whole number, or 1,234 for the one with a fraction.";
  const field = card.getByLabel("Value of “Visits”");
  await field.fill("1.234");
  await field.press("Enter");
  await card.getByRole("alert").filter({ hasText: why }).waitFor();
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  await v.accessible("a number that could be two");
  await v.picture("two-numbers");
  await field.press("Escape");
  await v.button("Check in on “Visits”").click();
  const form = v.page.getByRole("form", { name: "Check in on “Visits”" });
  await form.getByLabel("Value now").fill("1.234");
  await form.getByText(why).waitFor();
  await form.getByRole("button", { name: "Check in" }).click();
  assert.equal((await client.call("GET", `keyResults/${kr.id}`)).checkInCount, 0);
  await form.getByLabel("Value now").fill("1,234");
  await form.getByRole("button", { name: "Check in" }).click();
  await form.waitFor({ state: "detached" });
  await v.hears(/Checked in on “Visits”/);
  assert.equal((await client.call("GET", `keyResults/${kr.id}`)).currentValue, "1.234");
});

visit("times and lists are in the language of the texts, and put together as where somebody is", async (open, { ada: client }) => {
  await client.objective("Be found");
  for (const [locale, pattern] of [["en-US", /^[A-Z][a-z]{2} \d\d?, \d{4}, \d\d?:\d\d\s[AP]M$/], ["de-DE", /^\d\d? [A-Z][a-z]{2,3} \d{4}, \d\d:\d\d$/], ["fa-IR", /^[A-Z][a-z]{2} \d\d?, 2\d{3}, /]]) {
    const v = await open({ person: ada, locale });
    await v.go("/activity");
    assert.match(await v.page.locator(".changes time").first().innerText(), pattern);
    assert.equal(await v.page.evaluate(() => document.documentElement.lang), "en");
  }
});
