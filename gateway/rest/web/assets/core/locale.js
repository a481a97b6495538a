// Whose language and whose region what is written follows. This is the one place that says so:
//
// - What has words in it follows the language of the texts: months, "yesterday", "A, B or C" stand within sentences. A
//   translation changes `language`, and the lang of pages/layout.html with it.
// - How such words are put together follows the region of the person: "26 Nov 2026, 15:04" in Germany is "Nov 26, 2026,
//   3:04 PM" in the United States.
// - Measured values have no words. Their digits, signs and groups are those of the browser's locale, where they are shown
//   and where they are typed. How many there are of something belongs to the sentence, and is plain.
// - The calendar is the Gregorian one wherever somebody is: it is that of the fields for dates, and of the API.

/** The language of the texts. */
export const language = "en";

/** The locale that the browser prefers; that of the machine where it has none, or one that is no tag (RFC 5646). */
const preferred = (() => {
  try {
    return new Intl.Locale(navigator.language);
  } catch {
    return new Intl.Locale(new Intl.NumberFormat().resolvedOptions().locale);
  }
})();

/** That of measured values. */
export const locale = String(preferred);

/** That of what has words in it. */
export const spoken = String(new Intl.Locale(language, { region: preferred.maximize().region }));

/** Writes days and times. @param {Intl.DateTimeFormatOptions} options */
export const dates = (options) => new Intl.DateTimeFormat(spoken, { calendar: "gregory", ...options });

/** Writes "A, B or C". */
export const either = new Intl.ListFormat(spoken, { type: "disjunction" });
