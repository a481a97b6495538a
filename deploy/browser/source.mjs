// The app's modules as they are written: what of them are texts, and what of those is markup.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../gateway/rest/web/assets/", import.meta.url));

/** The names of our own modules. */
export const modules = () => readdirSync(folder, { recursive: true })
  .filter((name) => name.endsWith(".js") && !name.startsWith("vendor/")).sort();

export const sourceOf = (name) => readFileSync(folder + name, "utf8");

/** What stands before a slash that begins a pattern; elsewhere it divides. */
const beforePattern = /(^|[(,=:[!&|?{};+>]|\breturn|\n)\s*$/;

/**
 * The texts of a module, those of templates with \0 for each value: {tag, text}, where the tag is that of a template, and ""
 * for other texts.
 * @param {string} source
 */
export function texts(source) {
  const found = [];
  let at = 0;
  /** Reads code up to what closes it. @param {string} closing */
  function code(closing) {
    const from = at;
    let depth = 0;
    while (at < source.length) {
      const sign = source[at];
      const rest = source.slice(at, at + 2);
      if (sign === closing && depth === 0) return;
      if (sign === "{") depth += 1;
      if (sign === "}") depth -= 1;
      if (rest === "//") at = (source.indexOf("\n", at) + 1 || source.length + 1) - 1;
      else if (rest === "/*") at = source.indexOf("*/", at) + 2;
      else if (sign === '"' || sign === "'") at = text(sign);
      else if (sign === "`") template(/(\w*)$/.exec(source.slice(from, at))[1]);
      else if (sign === "/" && beforePattern.test(source.slice(from, at))) at += /^\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+\/\w*/.exec(source.slice(at))[0].length;
      else at += 1;
    }
  }
  /** Reads a text, and answers where it ends. @param {string} quote */
  function text(quote) {
    let end = at + 1;
    while (source[end] !== quote) end += source[end] === "\\" ? 2 : 1;
    found.push({ tag: "", text: source.slice(at + 1, end) });
    return end + 1;
  }
  /** @param {string} tag */
  function template(tag) {
    let read = "";
    for (at += 1; source[at] !== "`";) {
      if (source.startsWith("${", at)) {
        at += 2;
        code("}");
        at += 1;
        read += "\0";
      } else {
        const length = source[at] === "\\" ? 2 : 1;
        read += source.slice(at, at + length);
        at += length;
      }
    }
    at += 1;
    found.push({ tag, text: read });
  }
  code("");
  return found;
}
