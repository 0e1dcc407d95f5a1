import { type CallOptions, canRefresh, HeadwayError, parseJson, send } from "./connection.js";
import { createSseParser } from "./sse.js";
import type { OutputMessage, StreamMessage } from "./types.js";

/** Where a stream's connection stands. */
export interface ConnectionState {
  /** `retrying` while it is lost and will be tried again by itself; `closed` once it has ended for good. */
  phase: "connecting" | "open" | "retrying" | "closed";
  /** What went wrong last, while retrying. */
  error?: HeadwayError | undefined;
}

/** Options of everything that follows a stream. */
export interface StreamOptions extends CallOptions {
  /** Told of every change of the connection. A lost connection mends itself: this is for showing it calmly. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
  /** Gives up after being without a connection for this many milliseconds; never, if left out. */
  giveUpAfterMs?: number | undefined;
  /** Follows streams instead of a connection of its own; for example one that all tabs of a browser share. */
  transport?: StreamTransport | undefined;
}

/** Brings the messages of a stream, across reconnects, until `onMessage` says true or the server says that it is over. */
export type StreamTransport = (
  options: StreamOptions,
  path: string,
  lastEventId: string,
  onMessage: (message: StreamMessage | OutputMessage, eventId: string) => boolean,
) => Promise<void>;

const maxBackoffMs = 30_000;

/** The address of a job's stream. */
export const jobStreamPath = ({ kind, jobId }: { kind: string; jobId: string }): string =>
  `/api/v1/sse/jobs/${encodeURIComponent(kind)}/${encodeURIComponent(jobId)}`;

/** Follows a stream by the options' transport, or else by a connection of its own. */
export const follow: StreamTransport = (options, ...rest) => (options.transport ?? followByFetch)(options, ...rest);

/**
 * Follows a stream by `fetch`, so that it can carry Authorization and read refusals. It reconnects with jittered,
 * doubling waits from the last event on, and resolves when `onMessage` says true, the server answers 204 or the signal
 * aborts. It rejects with a HeadwayError when the server refuses for good, or after `giveUpAfterMs` without a connection.
 */
export const followByFetch: StreamTransport = async (options, path, lastEventId, onMessage) => {
  const { signal, onConnection, giveUpAfterMs = Number.POSITIVE_INFINITY } = options;
  let failures = 0;
  let lostAt = 0;
  let refused = false;
  onConnection?.({ phase: "connecting" });

  while (!signal?.aborted) {
    const connection = new AbortController();
    const cut = () => connection.abort();
    // The controller is the listeners' options too: its signal takes them away.
    signal?.addEventListener("abort", cut, connection);
    // What was open before the browser went offline is dead, though nothing says so.
    globalThis.addEventListener?.("online", cut, connection);
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    let silenceMs = 45_000;
    let retryMs = 1000;
    let over = false;
    let error: HeadwayError | undefined;

    const parse = createSseParser({
      retry: (milliseconds) => {
        retryMs = milliseconds;
      },
      event: ({ id, data }) => {
        const message = parseJson<StreamMessage | OutputMessage>(data);
        if (over || !message) return;
        lastEventId = id || lastEventId;
        failures = lostAt = 0;
        if (message.type === "connected") {
          silenceMs = (message.keepaliveSeconds || 15) * 3000;
          onConnection?.({ phase: "open" });
        } else if (message.type === "reauth") {
          refused = canRefresh(options);
        }
        over = onMessage(message, id);
        if (over || refused || message.type === "draining") cut();
      },
    });

    try {
      const headers = { Accept: "text/event-stream", ...(lastEventId && { "Last-Event-ID": lastEventId }) };
      const init: RequestInit = { headers, cache: "no-store", signal: connection.signal };
      const response = await send(options, path, init, refused);
      refused = false;
      if (response.status === 204) return;
      const { body } = response;
      if (!body || !response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
        throw new HeadwayError(response.status, {
          reason: "NOT_A_STREAM",
          message: "The server's answer is no stream",
        });
      }
      const reader = body.getReader();
      while (!over) {
        watchdog = setTimeout(cut, silenceMs);
        const piece = await reader.read().catch(() => undefined);
        clearTimeout(watchdog);
        if (!piece && !connection.signal.aborted) error = new HeadwayError();
        if (!piece || piece.done) break;
        parse(piece.value);
      }
    } catch (cause) {
      if (signal?.aborted) return;
      if (!(cause instanceof HeadwayError && cause.temporary)) throw cause;
      error = cause;
      failures++;
    } finally {
      cut();
    }
    if (over || signal?.aborted) return;
    lostAt ||= Date.now();
    if (Date.now() - lostAt >= giveUpAfterMs) throw error ?? new HeadwayError();
    onConnection?.({ phase: "retrying", error });
    const backoffMs = refused ? 0 : Math.min(retryMs * 2 ** Math.max(0, failures - 1), Math.max(maxBackoffMs, retryMs));
    await pause(
      Math.max(backoffMs * (0.5 + Math.random() / 2), (error?.retryAfterMs ?? 0) * (1 + Math.random() / 4)),
      signal,
    );
  }
};

/** Waits, but no longer than until the browser is online again or the signal aborts. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const listening = new AbortController();
    const end = () => {
      clearTimeout(timer);
      listening.abort();
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end, listening);
    globalThis.addEventListener?.("online", end, listening);
  });
}
