// Copies what the web app is made of from node_modules to the product, which needs no Node to be built:
//
//	node vendor.mjs           writes gateway/rest/web/assets/vendor
//	node vendor.mjs --check   fails if that folder does not hold exactly what the packages do
//
// Browsers resolve no package names, so imports become relative. Nothing else is changed.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const packages = new URL("./node_modules/", import.meta.url);
const folder = new URL("../../gateway/rest/web/assets/vendor/", import.meta.url);

/** What each file is copied from, and the types that an editor and tsc find beside it. */
const files = [
  { name: "preact.js", of: "preact", file: "dist/preact.mjs", types: "preact" },
  { name: "preact-hooks.js", of: "preact", file: "hooks/dist/hooks.mjs", types: "preact/hooks" },
  { name: "htm.js", of: "htm", file: "dist/htm.mjs", types: "htm", isDefault: true },
  { name: "signals.js", of: "@preact/signals", file: "dist/signals.mjs", types: "@preact/signals" },
  { name: "signals-core.js", of: "@preact/signals-core", file: "dist/signals-core.mjs", types: "@preact/signals-core" },
  { name: "figtree.woff2", of: "@fontsource-variable/figtree", file: "files/figtree-latin-wght-normal.woff2" },
];

// Made once from figtree.woff2 with fonttools 4.38, because most pages need no other letters and a tenth of the weights:
//	fonttools varLib.instancer figtree.woff2 wght=400:700 -o figtree.ttf
//	pyftsubset figtree.ttf --flavor=woff2 --layout-features=kern,tnum,liga,locl,ccmp,mark --output-file=figtree-ascii.woff2
//	  --unicodes=U+0020-007E,U+00A0,U+00B7,U+00D7,U+2013,U+2014,U+2018,U+2019,U+201C,U+201D,U+2026,U+202F
const derived = {
  name: "figtree-ascii.woff2", digest: "7655041a9c33289993041f185c94173ddbcb9b2bda65f2345d2838a308e6f3aa",
};

const relative = { preact: "./preact.js", "preact/hooks": "./preact-hooks.js", "@preact/signals-core": "./signals-core.js" };

function browserModule(source) {
  let text = source.replace(/^\/\/# sourceMappingURL=.*\n?/m, "");
  for (const [name, path] of Object.entries(relative)) text = text.replaceAll(new RegExp(`from *"${name}"`, "g"), `from"${path}"`);
  return text;
}

/** The folder as it should be, by file name. */
function wanted() {
  const out = new Map();
  const licences = new Map();
  const rows = [];
  for (const { name, of, file, types, isDefault } of files) {
    const source = readFileSync(new URL(`${of}/${file}`, packages));
    const about = JSON.parse(readFileSync(new URL(`${of}/package.json`, packages), "utf8"));
    const content = name.endsWith(".js") ? Buffer.from(browserModule(source.toString("utf8"))) : source;
    out.set(name, content);
    if (types) {
      const line = isDefault ? `export { default } from "${types}";\n` : `export * from "${types}";\n`;
      out.set(name.replace(/\.js$/, ".d.ts"), Buffer.from(line));
    }
    const folderOfLicence = new URL(`${of}/`, packages);
    const licence = readdirSync(folderOfLicence).find((entry) => /^licen[cs]e/i.test(entry));
    if (!licence) throw new Error(`${of} has no licence file`);
    licences.set(`LICENSE-${of.replace(/^@/, "").replaceAll("/", "-")}.txt`, readFileSync(new URL(licence, folderOfLicence)));
    const digest = createHash("sha256").update(content).digest("hex");
    rows.push(`| ${name} | ${of} ${about.version} | ${file} | ${about.license} | \`${digest}\` |`);
  }
  rows.push(`| ${derived.name} | figtree.woff2 | its ASCII part, made as .tools/node/vendor.mjs says | OFL-1.1 | \`${derived.digest}\` |`);
  for (const [name, content] of licences) out.set(name, content);
  out.set("README.md", Buffer.from(`# Vendored files

Written by \`make vendor\` from the npm packages that \`.tools/node/package-lock.json\` pins; \`make lint\` compares them with
the packages and a Go test with the digests below. In modules, package names in imports are made relative; nothing else is
changed. Beside each module stands a \`.d.ts\` that leads the type checker to the package's own types.

| file | package | its file | licence | SHA-256 |
|---|---|---|---|---|
${rows.join("\n")}
`));
  return out;
}

const check = process.argv.includes("--check");
mkdirSync(folder, { recursive: true });
const present = new Set(readdirSync(folder));
const wrong = [];
for (const [name, content] of wanted()) {
  const path = new URL(name, folder);
  const same = present.delete(name) && readFileSync(path).equals(content);
  if (!same && check) wrong.push(name);
  if (!same && !check) writeFileSync(path, content);
}
const subset = present.delete(derived.name) ? readFileSync(new URL(derived.name, folder)) : Buffer.alloc(0);
if (createHash("sha256").update(subset).digest("hex") !== derived.digest) wrong.push(derived.name);
wrong.push(...present);
if (wrong.length > 0) {
  console.error(`${fileURLToPath(folder)} differs from the packages: ${wrong.join(", ")}; run make vendor`);
  process.exit(1);
}
console.log(`vendored files: ${files.length + 1}, ${check ? "as in their packages" : "written"}`);
