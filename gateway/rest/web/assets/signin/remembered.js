// Which organization to go on in when the way of signing in leads through another site. Only this tab remembers.

const key = "okr-organization";

/** @param {string} id */
export function rememberOrganization(id) {
  try {
    sessionStorage.setItem(key, id);
  } catch {
    // Then the person chooses.
  }
}

/** The organization that was remembered, once; "" for none. */
export function takeOrganization() {
  try {
    const id = sessionStorage.getItem(key) ?? "";
    sessionStorage.removeItem(key);
    return id;
  } catch {
    return "";
  }
}
