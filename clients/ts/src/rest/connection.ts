import type { components } from "./openapi.gen.js";

/** How to reach a Headway server. Every function takes these in addition to its own options. */
export interface Connection {
  /** The server's address without a slash at the end; by default the page's own origin. */
  baseUrl?: string | undefined;
  /**
   * The bearer token, or a function that returns one. It is called before every request. `refused` is true if the server
   * has refused the last token, or reported that it expires soon: return a fresh one. Without a token, the session's
   * cookie is used.
   */
  token?: string | ((refused: boolean) => string | undefined | Promise<string | undefined>) | undefined;
  /** As for `fetch`: `same-origin` by default, or `include` to send a cookie to another origin. */
  credentials?: RequestCredentials | undefined;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch | undefined;
}

/** The state of a stream's connection. */
export interface ConnectionState {
  /** `retrying` while the client reconnects by itself, and `closed` when the stream has ended. */
  phase: "connecting" | "open" | "retrying" | "closed";
  /** The last error while retrying, or the refusal that closed the stream. */
  error?: HeadwayError | undefined;
}

/** The options of one call. */
export interface CallOptions extends Connection {
  /** Aborts the call. */
  signal?: AbortSignal | undefined;
}

type ErrorBody = components["schemas"]["Error"];

/** Returns a text, or undefined for any other value, which other servers can send. */
const asText = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

/** A refused request, or a request without a response. Match on `reason`, never on the message. */
export class HeadwayError extends Error {
  /** `JOB_NOT_FOUND`, `TOKEN_EXPIRED`, …; `NETWORK` without a response, and `HTTP` for a response that is not Headway's. */
  declare readonly reason: string;
  /** The HTTP status, or 0 without a response. */
  declare readonly status: number;
  /** The ID of the request in the server's log. */
  declare readonly requestId: string | undefined;
  /** Other google.rpc details, such as the invalid fields. */
  declare readonly details: readonly unknown[];
  /** The milliseconds that the server asked to wait (Retry-After), or 0. */
  declare readonly retryAfterMs: number;

  constructor(status = 0, body: Partial<ErrorBody> = {}, retryAfterMs = 0) {
    const { message, reason, requestId, details } = body;
    super(asText(message) ?? (status ? `HTTP ${status}` : "No connection"));
    this.name = "HeadwayError";
    this.status = status;
    this.reason = asText(reason) ?? (status ? "HTTP" : "NETWORK");
    this.requestId = asText(requestId);
    this.details = Array.isArray(details) ? details.filter((detail) => typeof detail === "object" && detail) : [];
    this.retryAfterMs = retryAfterMs;
  }

  /** Reports whether a retry can succeed. */
  get temporary(): boolean {
    // Of the 4xx statuses, only timeouts and limits are temporary.
    return !/^4(?!08|25|29)/.test(`${this.status}`);
  }
}

/** Headway's reasons. The JSON errors of other programs, such as Kubernetes, can have a reason of another form. */
const reasonForm = /^[A-Z][A-Z\d_]*$/;

/** Returns the error that a response's body describes. The body can be a proxy's page instead of JSON. */
export function toError(status: number, text: string, retryAfter: string | null): HeadwayError {
  // Retry-After (RFC 9110 §10.2.3) is in seconds, or a date.
  const waitMs = Number(retryAfter) * 1000 || Date.parse(`${retryAfter}`) - Date.now() || 0;
  const body = parseJson<ErrorBody>(text);
  return new HeadwayError(status, body && reasonForm.test(`${body.reason}`) ? body : {}, Math.max(0, waitMs));
}

/** Parses JSON. It returns undefined if the text is not JSON. */
export function parseJson<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}

/** The longest body, in characters. Headway's own are shorter, so a longer one comes from another server. */
export const maxText = 64 * 1024 * 1024;

/** Returns the text of a body. It rejects if the body is too long. The length of a compressed one is not known before. */
export async function textOf(response: Response): Promise<string> {
  const { body, status } = response;
  if (!body) return response.text(); // some environments have no streams
  let text = "";
  const write = (chunk: string) => {
    text += chunk;
    if (text.length > maxText) throw new HeadwayError(status);
  };
  await body.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write }));
  return text;
}

/** Returns the headers that authorize the caller. */
export async function authorize(connection: Connection, refused = false): Promise<Record<string, string>> {
  const { token } = connection;
  const value = typeof token === "function" ? await token(refused) : token;
  return value ? { Authorization: `Bearer ${value}` } : {};
}

/** Reports whether the connection can return a fresh token. */
export const canRefresh = (connection: Connection): boolean => typeof connection.token === "function";

/**
 * Sends a request, and returns the response if it is a success. After a refusal it asks once for a fresh token. With
 * `refused`, it asks before the first request.
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
    const error = toError(response.status, await textOf(response).catch(() => ""), response.headers.get("Retry-After"));
    if (response.status !== 401 || refused || !canRefresh(options)) throw error;
  }
}

/** How long a call without a large body can take. */
const callMs = 60_000;

/**
 * Runs work that gets a signal. It rejects when the caller's signal aborts or the time is over, even if the work never
 * settles.
 */
export const limited = <T>(
  caller: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
  milliseconds = callMs,
): Promise<T> =>
  new Promise((resolve, reject) => {
    const stopping = new AbortController();
    const stop = () => {
      reject(caller?.aborted ? caller.reason : new HeadwayError());
      stopping.abort();
    };
    const timer = setTimeout(stop, milliseconds);
    const settled = () => {
      clearTimeout(timer);
      caller?.removeEventListener("abort", stop);
    };
    caller?.addEventListener("abort", stop);
    if (caller?.aborted) stop();
    work(stopping.signal).then(resolve, reject).finally(settled);
    stopping.signal.addEventListener("abort", settled);
  });

/** Sends a REST call, and returns the JSON of its response. */
export const call = <T>(options: CallOptions, method: string, path: string, body?: unknown): Promise<T> =>
  limited(options.signal, async (signal) => {
    const response = await send({ ...options, signal }, `/api/v1/${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    const text = await textOf(response);
    const answer = parseJson<T>(text);
    if (text && !answer) throw new HeadwayError(response.status);
    return answer as T;
  });

/** Returns the named options that are set as a query with its question mark. */
export function toQuery<T extends object>(options: T, ...names: (keyof T & string)[]): string {
  const query = new URLSearchParams();
  for (const name of names) for (const value of [options[name] ?? []].flat()) query.append(name, String(value));
  return query.size ? `?${query}` : "";
}
