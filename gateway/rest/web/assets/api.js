// Calls of the REST API.

/** An error of the API, or a request that got no answer. */
export class Failure extends Error {
  /** @param {number} status @param {{message?: string, reason?: string, details?: object[]}} error */
  constructor(status, error) {
    super(error.message || "The server did not answer. Check the connection and try again.");
    this.status = status;
    this.reason = error.reason || "";
    this.retryable = status === 0 || status === 429 || status >= 500;
  }
}

/**
 * Calls the API and answers the JSON, or null where there is none.
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, etag?: string}} [options]
 */
export async function call(method, path, { body, etag } = {}) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (etag) headers["If-Match"] = `"${etag}"`;
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method, headers, credentials: "same-origin", body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Failure(0, {});
  }
  if (response.status === 204) return null;
  let answer;
  try {
    answer = await response.json();
  } catch {
    throw new Failure(response.status, {});
  }
  if (!response.ok) throw new Failure(response.status, answer.error || {});
  return answer;
}

/** All items of a list that comes in pages, and the cursor of the first page. */
export async function callAll(path, field) {
  const items = [];
  let cursor = "";
  let token = "";
  do {
    const page = await call("GET", `${path}?pageSize=200${token && `&pageToken=${encodeURIComponent(token)}`}`);
    if (!token) cursor = page.cursor;
    items.push(...page[field]);
    token = page.nextPageToken;
  } while (token);
  return { items, cursor };
}
