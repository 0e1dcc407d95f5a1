import {
  type CallOptions,
  type ConnectionState,
  canRefresh,
  HeadwayError,
  parseJson,
  send,
} from "../rest/connection.js";
import type { OutputMessage, StreamMessage } from "../rest/types.js";
import { backoff, now, onReturn, pause } from "../rest/wait.js";
import { createSseParser } from "./sse.js";

/** The options of all functions that follow a stream. */
export interface StreamOptions extends CallOptions {
  /** Receives every change of the connection. The client reconnects by itself: use this to show the connection state. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
  /** Stops after this number of milliseconds without a connection. By default it never stops. */
  giveUpAfterMs?: number | undefined;
  /** Replaces the client's own connection, for example with one that all tabs of a browser share. */
  transport?: StreamTransport | undefined;
  /** @internal Returns a promise while the consumer has no room for more messages. It resolves when there is room. */
  room?: (() => Promise<void> | undefined) | undefined;
}

/** Delivers the messages of a stream, across reconnects, until `onMessage` returns true or the server ends the stream. */
export type StreamTransport = (
  options: StreamOptions,
  path: string,
  lastEventId: string,
  onMessage: (message: StreamMessage | OutputMessage, eventId: string) => boolean,
) => Promise<void>;

/** The timeout for the headers of a stream, which includes the token's function, and then for the first message. */
const answerMs = 30_000;
/** A stream counts as lost after this many keepalive intervals without a byte. */
const missedKeepalives = 3;
/** The longest silence, whatever interval the server announces. */
const maxSilenceMs = 300_000;
/** How often the client checks for silence. */
const checkMs = 5_000;
/** If the wall clock gains this much on the monotonic one between two checks, the computer was asleep. */
const sleptMs = 10_000;
/** An ID that a header can hold. Headway's own are short. One from another server would make every reconnect fail. */
const sendableId = /^[!-~]{1,256}$/;
/** After a stream that was open for this long, the waits start from the first one again. */
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
 * connection. A response that is not Headway's, such as a proxy's error page, is not a refusal.
 */
export const followByFetch: StreamTransport = async (options, path, lastEventId, onMessage) => {
  const { signal, onConnection, giveUpAfterMs = Number.POSITIVE_INFINITY } = options;
  let failures = -1;
  /** When the connection was lost, or undefined while it is open. */
  let lostAt: number | undefined = now();
  let refused = false;
  onConnection?.({ phase: "connecting" });

  while (!signal?.aborted) {
    const connection = new AbortController();
    const cut = () => connection.abort();
    // The controller also serves as the listeners' options: its signal removes them.
    signal?.addEventListener("abort", cut, connection);
    onReturn(cut, connection);
    let heardAt = now();
    let openedAt: number | undefined;
    let silenceMs = answerMs;
    let retryMs = 1000;
    let over = false;
    let error: HeadwayError | undefined;
    let thrown: { cause: unknown } | undefined;

    // A timer for the whole silence would not run while the computer sleeps, and so would the dead connection.
    let gained = Date.now() - heardAt;
    const watchdog = setInterval(() => {
      const before = gained;
      gained = Date.now() - now();
      const lostForMs = lostAt === undefined ? 0 : now() - lostAt;
      if (now() - heardAt > silenceMs || gained - before > sleptMs || lostForMs >= giveUpAfterMs) cut();
    }, checkMs);

    // A token, a response, or a read might never settle: undici leaves a read pending if the stream ends while it is
    // aborted.
    const within = <T>(work: Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        const fail = (cause?: unknown) =>
          reject(cause instanceof HeadwayError ? cause : new HeadwayError(0, { message: (cause as Error)?.message }));
        connection.signal.onabort = () => fail();
        work.then(resolve, fail);
      });

    const parse = createSseParser({
      retry: (milliseconds) => {
        retryMs = milliseconds;
      },
      event: ({ id, data }) => {
        const message = parseJson<StreamMessage | OutputMessage>(data);
        if (over || thrown || typeof message !== "object" || !message) return;
        // A cache or a proxy that mixes up responses sends the stream of another job.
        const { type, jobId } = message as StreamMessage;
        if (type === "connected" && jobId && !path.split("/").includes(encodeURIComponent(jobId))) {
          error = new HeadwayError(200);
          return cut();
        }
        if (sendableId.test(id)) lastEventId = id;
        if (message.type === "limit" || message.type === "draining") {
          error = new HeadwayError(message.type === "limit" ? 429 : 503, {
            reason: "UNAVAILABLE",
            ...(message as object),
          });
        } else if (lostAt !== undefined) {
          lostAt = undefined;
          openedAt = now();
          onConnection?.({ phase: "open" });
        }
        if (message.type === "connected") {
          const intervalMs = Number((message as StreamMessage).keepaliveSeconds) * 1000;
          if (intervalMs > 0) silenceMs = Math.min(Math.max(intervalMs * missedKeepalives, checkMs), maxSilenceMs);
        } else if (message.type === "reauth") {
          refused = canRefresh(options);
        }
        try {
          over = onMessage(message, id);
        } catch (cause) {
          thrown = { cause };
        }
        if (over || thrown || refused || message.type === "draining") cut();
      },
    });

    try {
      const headers = { Accept: "text/event-stream", ...(lastEventId && { "Last-Event-ID": lastEventId }) };
      const init: RequestInit = { headers, cache: "no-store", signal: connection.signal };
      const { status, body, headers: answer } = await within(send(options, path, init, refused));
      refused = false;
      if (status === 204) return;
      const reader = /^text\/event-stream/i.test(answer.get("Content-Type") ?? "") && body?.getReader();
      // A proxy's page, for example.
      if (!reader) throw new HeadwayError(status);
      heardAt = now();
      while (!connection.signal.aborted) {
        const full = options.room?.();
        if (full) {
          heardAt = Number.POSITIVE_INFINITY; // nothing is expected
          await within(full);
          heardAt = now();
        }
        const { done, value } = await within(reader.read());
        if (done) break;
        parse(value);
        // Comments keep an open stream alive. Without a first message, it is not open.
        if (openedAt !== undefined) heardAt = now();
      }
    } catch (cause) {
      // A refusal without a reason is not Headway's: it does not end the watch.
      if (!(cause instanceof HeadwayError && (cause.temporary || cause.reason === "HTTP"))) throw cause;
      error ??= cause;
    } finally {
      clearInterval(watchdog);
      cut();
    }
    if (thrown) throw thrown.cause;
    if (over || signal?.aborted) return;
    const endedAt = now();
    lostAt ??= endedAt;
    const leftMs = giveUpAfterMs - (endedAt - lostAt);
    if (leftMs <= 0) throw error ?? new HeadwayError();
    onConnection?.({ phase: "retrying", error });
    const stable = openedAt !== undefined && endedAt - openedAt > stableMs;
    failures = stable ? 0 : failures + 1;
    // A token that was valid for a while is replaced without a wait.
    const waitMs = stable && refused ? 0 : backoff(failures, retryMs, error?.retryAfterMs);
    await pause(Math.min(waitMs, leftMs), signal);
  }
};
