// Runs all tests, or those in the files whose names are given.

const files = ["signin", "editor", "live", "failures", "keyboard", "views", "consent", "administration"];
const wanted = process.argv.slice(2);
for (const file of files) {
  if (wanted.length === 0 || wanted.includes(file)) await import(`./${file}.test.mjs`);
}
