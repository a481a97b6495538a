// Runs all tests, or those in the files whose names are given.
//
// OKR_BROWSER_SLOW=6 makes pages so many times slower than the machine, and lets what they ask for wait for up to 400 ms: so
// one sees what a test reads before it is there. OKR_BROWSER_ATTEMPTS=2 tries a test that failed once more, and says at the
// end which those were and why: a step that a busy machine delays is to be mended, and hides nothing of the rest.
// OKR_CHROMIUM is where the browser is; OKR_PICTURES is for pictures.test.mjs.

// The pictures of the README are taken only when they are asked for: no two runs make the same bytes.
const asked = ["screenshots"];
// The pictures come first: what agents did is in them, and never goes away.
const files = ["pictures", "signin", "second-factor", "rules", "editor", "objectives", "locales", "check-ins", "history", "proposals", "transfer", "live", "failures", "optimism", "keyboard", "views", "consent", "agents", "administration", "security", "walk", "parents", "tree", "scale"];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => ![...files, ...asked].includes(name));
if (unknown.length > 0) throw new Error(`there is no ${unknown.join(", ")}: name one of ${[...files, ...asked].join(", ")}; options of node come before the file`);
for (const file of wanted.length > 0 ? [...files, ...asked].filter((name) => wanted.includes(name)) : files) {
  await import(`./${file}.test.mjs`);
}
