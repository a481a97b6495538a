// The browser and what drives it, from the packages that .tools/node pins.

import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(new URL("../../.tools/node/package.json", import.meta.url));

export const { chromium } = require("playwright-core");
export const { PNG } = require("pngjs");
export const { default: pixelmatch } = await import(pathToFileURL(require.resolve("pixelmatch")).href); // a module
export const axeSource = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const executablePath = process.env.OKR_CHROMIUM ?? "/usr/bin/chromium";

export async function launch() {
  if (!existsSync(executablePath)) {
    throw new Error(`there is no browser at ${executablePath}: install Chromium (on Debian: apt-get install chromium), ` +
      "or set OKR_CHROMIUM to where it is");
  }
  return chromium.launch({ executablePath, args: ["--disable-dev-shm-usage", "--font-render-hinting=none"] });
}
