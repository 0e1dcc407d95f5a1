import type { components } from "./openapi.gen.js";

/** How to reach a Headway server. Every function takes these beside its own options. */
export interface Connection {
  /** The server's address without a slash at the end. The page's own origin if left out. */
  baseUrl?: string | undefined;
  /**
   * The bearer token, or a function that gives one. It is asked before every connection, with `refused` true when the
   * server has just refused the last token or says that it is about to expire: get a fresh one then. Without a token
   * the session's cookie counts.
   */
  token?: string | ((refused: boolean) => string | undefined | Promise<string | undefined>) | undefined;
  /** As for `fetch`: `same-origin` by default, `include` for a cookie on another origin. */
  credentials?: RequestCredentials | undefined;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

/** Where a stream's connection stands. */
export interface ConnectionState {
  /** `retrying` while it is lost and will be tried again by itself; `closed` once it has ended for good. */
  phase: "connecting" | "open" | "retrying" | "closed";
  /** What went wrong last, while retrying. */
  error?: HeadwayError | undefined;
}

/** Options of one call. */
export interface CallOptions extends Connection {
  /** Ends the call. */
  signal?: AbortSignal | undefined;
}

type ErrorBody = components["schemas"]["Error"];

/** An answer that refused the request, or the lack of one. Match on `reason`, never on the sentence. */
export class HeadwayError extends Error {
  /** Machine-readable: `JOB_NOT_FOUND`, `TOKEN_EXPIRED`, …; `NETWORK` when no answer came, `HTTP` for one without a reason. */
  declare readonly reason: string;
  /** HTTP status; 0 when no answer came. */
  declare readonly status: number;
  /** The id under which the server's log knows the request. */
  declare readonly requestId: string | undefined;
  /** Further google.rpc details, such as each bad field. */
  declare readonly details: readonly unknown[];
  /** Milliseconds that the server asked to wait (Retry-After); 0 if it did not. */
  declare readonly retryAfterMs: number;

  constructor(status = 0, body: Partial<ErrorBody> = {}, retryAfterMs = 0) {
    super(body.message ?? (status ? `HTTP ${status}` : "No connection"));
    this.name = "HeadwayError";
    this.status = status;
    this.reason = body.reason ?? (status ? "HTTP" : "NETWORK");
    this.requestId = body.requestId;
    this.details = body.details ?? [];
    this.retryAfterMs = retryAfterMs;
  }

  /** Trying again later may help. */
  get temporary(): boolean {
    // Of the statuses that blame the request, only timeouts and limits pass.
    return !/^4(?!08|25|29)/.test(`${this.status}`);
  }
}

/** Makes the error behind an answer's body, which need not be JSON (a proxy's page). */
export function toError(status: number, text: string, retryAfter: string | null): HeadwayError {
  // Retry-After (RFC 9110 §10.2.3) is in seconds, or a date.
  const waitMs = Number(retryAfter) * 1000 || Date.parse(`${retryAfter}`) - Date.now() || 0;
  return new HeadwayError(status, parseJson<ErrorBody>(text) ?? {}, Math.max(0, waitMs));
}

/** Reads JSON; undefined if it is none. */
export function parseJson<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** The headers that say who is calling. */
export async function authorize(connection: Connection, refused = false): Promise<Record<string, string>> {
  const { token } = connection;
  const value = typeof token === "function" ? await token(refused) : token;
  return value ? { Authorization: `Bearer ${value}` } : {};
}

/** True if a fresh token can be had after the server has refused the last. */
export const canRefresh = (connection: Connection): boolean => typeof connection.token === "function";

/**
 * Sends a request and gives the answer if it is a success. A refused token is refreshed once; with `refused` it is
 * known beforehand that the last will not do.
 */
export async function send(
  options: CallOptions,
  path: string,
  init: RequestInit = {},
  refused = false,
): Promise<Response> {
  const signal = init.signal ?? options.signal;
  for (; ; refused = true) {
    const headers = { ...(init.headers as Record<string, string>), ...(await authorize(options, refused)) };
    const response = await (options.fetch ?? fetch)((options.baseUrl ?? "") + path, {
      credentials: options.credentials,
      ...init,
      headers,
      signal,
    }).catch((error: unknown) => {
      throw signal?.aborted || error instanceof HeadwayError ? error : new HeadwayError();
    });
    if (response.ok) return response;
    const error = toError(response.status, await response.text().catch(() => ""), response.headers.get("Retry-After"));
    if (response.status !== 401 || refused || !canRefresh(options)) throw error;
  }
}

/** Sends JSON and reads JSON. */
export async function call<T>(options: CallOptions, method: string, path: string, body?: unknown): Promise<T> {
  const response = await send(options, `/api/v1/${path}`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  const text = await response.text();
  const answer = parseJson<T>(text);
  if (text && !answer) throw new HeadwayError(response.status);
  return answer as T;
}

/** Writes the named options that are set as a query, with its question mark. */
export function toQuery<T extends object>(options: T, ...names: (keyof T & string)[]): string {
  const query = new URLSearchParams();
  for (const name of names) for (const value of [options[name] ?? []].flat()) query.append(name, String(value));
  return query.size ? `?${query}` : "";
}
