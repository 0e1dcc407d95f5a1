import {
  type CallOptions,
  type ConnectionState,
  canRefresh,
  HeadwayError,
  parseJson,
  send,
} from "../rest/connection.js";
import { pause } from "../rest/pause.js";
import type { OutputMessage, StreamMessage } from "../rest/types.js";
import { createSseParser } from "./sse.js";

/** The options of all functions that follow a stream. */
export interface StreamOptions extends CallOptions {
  /** Receives every change of the connection. The client reconnects by itself: use this to show the connection state. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
  /** Stops after this number of milliseconds without a connection. By default it never stops. */
  giveUpAfterMs?: number | undefined;
  /** Follows the stream in another way, for example over a connection that all tabs of a browser share. */
  transport?: StreamTransport | undefined;
}

/** Delivers the messages of a stream, across reconnects, until `onMessage` returns true or the server ends the stream. */
export type StreamTransport = (
  options: StreamOptions,
  path: string,
  lastEventId: string,
  onMessage: (message: StreamMessage | OutputMessage, eventId: string) => boolean,
) => Promise<void>;

const maxBackoffMs = 30_000;
/** After an attempt that lasted this long, the waits start over. */
const stableMs = 5_000;

/** Returns the path of a job's stream. */
export const jobStreamPath = ({ kind, jobId }: { kind: string; jobId: string }): string =>
  `/api/v1/sse/jobs/${encodeURIComponent(kind)}/${encodeURIComponent(jobId)}`;

/** Follows a stream over the options' transport, or else over its own connection. */
export const follow: StreamTransport = (options, ...rest) => (options.transport ?? followByFetch)(options, ...rest);

/**
 * Follows a stream by `fetch`, so that it can send Authorization and read refusals. It reconnects from the last event on,
 * after jittered waits that double, and resolves when `onMessage` returns true, the server answers 204, or the signal
 * aborts. It rejects with a HeadwayError when the server refuses the stream, or after `giveUpAfterMs` without a
 * connection. An answer that is not Headway's, such as a proxy's error page, is not a refusal.
 */
export const followByFetch: StreamTransport = async (options, path, lastEventId, onMessage) => {
  const { signal, onConnection, giveUpAfterMs = Number.POSITIVE_INFINITY } = options;
  let failures = -1;
  let lostAt = Date.now();
  let refused = false;
  onConnection?.({ phase: "connecting" });

  while (!signal?.aborted) {
    const connection = new AbortController();
    const cut = () => connection.abort();
    // The controller also serves as the listeners' options: its signal removes them.
    signal?.addEventListener("abort", cut, connection);
    // A connection that was open before the browser went offline is dead, but nothing reports it.
    globalThis.addEventListener?.("online", cut, connection);
    let watchdog: ReturnType<typeof setTimeout> | undefined;
    let silenceMs = 45_000;
    let retryMs = 1000;
    const begunAt = Date.now();
    let over = false;
    let error: HeadwayError | undefined;

    // A token, an answer, or a read may never settle: undici leaves a read pending if the stream ends while it is aborted.
    const within = <T>(work: Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        const fail = (cause?: Error) => reject(cause instanceof HeadwayError ? cause : new HeadwayError(0, cause));
        connection.signal.onabort = () => fail();
        clearTimeout(watchdog);
        watchdog = setTimeout(cut, silenceMs);
        work.then(resolve, fail);
      });

    const parse = createSseParser({
      retry: (milliseconds) => {
        retryMs = milliseconds;
      },
      event: ({ id, data }) => {
        const message = parseJson<StreamMessage | OutputMessage>(data);
        if (over || !message) return;
        lastEventId = id || lastEventId;
        if (message.type === "connected") {
          lostAt = 0;
          if (message.keepaliveSeconds) silenceMs = message.keepaliveSeconds * 3000;
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
      const { status, body, headers: answer } = await within(send(options, path, init, refused));
      refused = false;
      if (status === 204) return;
      const reader = answer.get("Content-Type")?.startsWith("text/event-stream") && body?.getReader();
      // A proxy's page, for example.
      if (!reader) throw new HeadwayError(status);
      while (!connection.signal.aborted) {
        const { done, value } = await within(reader.read());
        if (done) break;
        parse(value);
      }
    } catch (cause) {
      // A refusal without a reason is not Headway's: it does not end the watch.
      if (!(cause instanceof HeadwayError && (cause.temporary || cause.reason === "HTTP"))) throw cause;
      error = cause;
    } finally {
      clearTimeout(watchdog);
      cut();
    }
    if (over || signal?.aborted) return;
    const now = Date.now();
    lostAt ||= now;
    if (now - lostAt >= giveUpAfterMs) throw error ?? new HeadwayError();
    onConnection?.({ phase: "retrying", error });
    const stable = now - begunAt > stableMs;
    failures = stable ? 0 : failures + 1;
    const backoffMs = stable && refused ? 0 : Math.min(retryMs * 2 ** failures, Math.max(maxBackoffMs, retryMs));
    await pause(
      Math.max(backoffMs * (0.5 + Math.random() / 2), (error?.retryAfterMs ?? 0) * (1 + Math.random() / 4)),
      signal,
    );
  }
};
