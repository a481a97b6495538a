// Styles that are not needed for what is seen first.

/** @type {Map<string, Promise<void>>} */
const asked = new Map();

/**
 * Adds a stylesheet to the page, unless it is there. Resolves when it is in effect, or could not be loaded: a view without
 * its styles is better than none.
 * @param {string} name
 */
function style(name) {
  const { href } = new URL(`../style/${name}`, import.meta.url);
  let loaded = asked.get(name);
  if (!loaded) {
    const there = [...document.styleSheets].some((sheet) => sheet.href === href);
    asked.set(name, loaded = there ? Promise.resolve() : add(href));
  }
  return loaded;
}

/** @param {string} href @returns {Promise<void>} */
const add = (href) => new Promise((resolve) => {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  link.onload = link.onerror = () => resolve();
  document.head.append(link);
});

/**
 * A module once its styles are there, too.
 * @template T
 * @param {Promise<T>} module
 * @param {string} name
 * @returns {Promise<T>}
 */
export const styled = async (module, name) => (await Promise.all([module, style(name)]))[0];
