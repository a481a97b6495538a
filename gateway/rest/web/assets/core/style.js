// Styles that are not needed for what is seen first.

/** @type {Map<string, Promise<void>>} */
const asked = new Map();

/**
 * Adds a stylesheet to the page, unless it is there. Resolves when it is in effect, or could not be loaded: a view without
 * its styles is better than none. It is tried again for the next view that needs it.
 * @param {string} name
 */
function style(name) {
  const { href } = new URL(`../style/${name}`, import.meta.url);
  let loaded = asked.get(name);
  if (!loaded) {
    const there = [...document.styleSheets].some((sheet) => sheet.href === href && works(sheet));
    asked.set(name, loaded = there ? Promise.resolve() : add(href).catch(() => { asked.delete(name); }));
  }
  return loaded;
}

/** Nobody may read a sheet that could not be loaded. @param {CSSStyleSheet} sheet */
function works(sheet) {
  try {
    return sheet.cssRules.length > 0;
  } catch {
    return false;
  }
}

/** @param {string} href @returns {Promise<void>} */
const add = (href) => new Promise((resolve, reject) => {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  link.onload = () => resolve();
  link.onerror = () => {
    link.remove();
    reject(new Error(href));
  };
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
