// Calls of the REST API.

/**
 * @typedef {{organizationId: string, memberId: string, displayName: string, roles: string[],
 *   rolePermissions: {resource: string, action: string}[]}} Principal
 * @typedef {{principal: Principal, organizationName: string, organizationSlug: string, emailAddress: string,
 *   expireTime: string}} Session
 * @typedef {{memberId: string, displayName: string}} Member
 * @typedef {{surface: string, clientId: string, clientName: string}} Via
 * @typedef {{url: string, observedValue: string, observedTime?: string}} Evidence
 * @typedef {{id: string, keyResultId: string, objectiveId: string, value: string, confidence: string, note: string,
 *   evidence: Evidence[], previousValue: string, attainment?: number, author?: Member, via?: Via, createTime: string}} CheckIn
 * @typedef {{id: string, objectiveId: string, title: string, attainment?: number, etag: string, createTime: string,
 *   updateTime: string, creator?: Member, updater?: Member, ownerId: string, kind: string, startValue: string,
 *   targetValue: string, currentValue: string, unit: string, format: string, weight?: number, confidence: string,
 *   lastCheckInTime?: string, stale: boolean, expectedAttainment?: number, checkInCount: number,
 *   agentReport?: {checkInId: string, clientId: string, clientName: string}}} KeyResult
 * @typedef {{id: string, title: string, keyResults: KeyResult[], progress?: number, etag: string, createTime: string,
 *   updateTime: string, creator?: Member, updater?: Member, description: string, ownerId: string, cycle: string,
 *   startDate: string, dueDate: string, period?: {startDate: string, dueDate: string}, parentId: string, state: string,
 *   score: string, closingNote: string, closeTime?: string, archiveTime?: string, expectedProgress?: number}} Objective
 * @typedef {{objective?: Objective, keyResult?: KeyResult}} Snapshot
 * @typedef {{seq: string, cursor: string, createTime: string, actor?: Member, via?: Via, requestId: string, kind: string,
 *   before?: Snapshot, after?: Snapshot, checkIn?: CheckIn, undoes: string,
 *   proposal?: {proposalId: string, proposer?: Member, via?: Via}}} Change
 * @typedef {{id: string, state: string, permission: {resource: string, action: string}, kind: string, before?: Snapshot,
 *   after?: Snapshot, checkIn?: CheckIn, proposer?: Member, via?: Via, createTime: string, expireTime: string,
 *   decideTime?: string, decider?: Member, reason: string}} Proposal
 * @typedef {{organizationId: string, displayName: string, slug: string, membership: string}} Organization
 * @typedef {{step: string, emailAddress: string, organizations: Organization[], allowedAuthMethods: string[],
 *   session?: Session, secondFactor?: {organizationId: string, memberId: string, totpStatus: string},
 *   recoveryCodesRemaining?: number}} SignIn
 */

/** An error of the API, or a request that got no answer: its status is 0. */
export class Failure extends Error {
  /**
   * @param {number} status
   * @param {{message?: string, reason?: string, details?: any[]}} error
   */
  constructor(status, error) {
    super(error.message ?? "");
    this.status = status;
    this.reason = error.reason ?? "";
    const detail = (/** @type {string} */ type) => error.details?.find((d) => d["@type"]?.endsWith(`.${type}`));
    /** @type {Record<string, string>} */
    this.metadata = detail("ErrorInfo")?.metadata ?? {};
    /** @type {{field: string, description: string}[]} */
    this.violations = detail("BadRequest")?.fieldViolations ?? [];
    /** The number under which the server's log has more. */
    this.number = detail("RequestInfo")?.requestId ?? "";
  }

  /** Whether the same request may succeed later, or may have succeeded unheard. */
  get retryable() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/**
 * Calls the API and answers its JSON, or null where there is none. Throws Failure.
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, etag?: string, requestId?: string}} [options] requestId makes a write safe to repeat.
 * @returns {Promise<any>}
 */
export async function call(method, path, { body, etag, requestId } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (etag) headers["If-Match"] = `"${etag}"`;
  const query = requestId ? `${path.includes("?") ? "&" : "?"}requestId=${encodeURIComponent(requestId)}` : "";
  let response;
  try {
    response = await fetch(`/api/v1/${path}${query}`, {
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
    throw new Failure(response.ok ? 0 : response.status, {});
  }
  if (!response.ok) throw new Failure(response.status, answer?.error ?? {});
  return answer;
}

/** @param {string} id */
export const segment = (id) => encodeURIComponent(id);
