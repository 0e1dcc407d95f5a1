import { type Connection, createSseParser, isTerminal, type JobStatus, type StreamMessage } from "../index.js";

/** An update of a gateway's progress stream. */
export interface ProgressUpdate<Data = Record<string, unknown>> {
  status: "processing" | "completed" | "error";
  /** From 0 to 100, possibly with decimals. */
  progress: number;
  message: string;
  /** The title of the current step. */
  step: string;
  /** The result, at the end only. */
  data?: Data | undefined;
}

/** How to reach a progress stream. */
export interface ProgressStreamOptions {
  /**
   * Returns the gateway's token: a JWT or a single-use ticket. It is sent as `?token=`. It is called for each connection.
   */
  token?: (() => string | null | undefined | Promise<string | null | undefined>) | undefined;
  /** Whether cookies are sent to another origin. The default is true, as EventSource is usually opened for gateways. */
  withCredentials?: boolean | undefined;
}

/** How long the client tries to resume a stream, and how long the first wait is. */
const resumeMs = 60_000;
const firstWaitMs = 500;
const longestWaitMs = 10_000;
/** After a stream that was open for this long, the waits start from the first one again. */
const stableMs = 5_000;

/** A stream counts as lost after this many keepalive intervals without a byte. The server announces the interval. */
const missedKeepalives = 3;
/** How often the client checks for silence, and the minimum and maximum silence that end a stream. */
const checkMs = 5_000;
const maxSilenceMs = 300_000;
/** How long a refusal can take to arrive, and its maximum length in characters. */
const refusalMs = 30_000;
const maxRefusal = 64 * 1024;
/** The empty line that ends an event. */
const eventEnd = new TextEncoder().encode("\n\n");

/** The message about a stream that ended before its last update. */
const lost = "Connection lost";

/**
 * Follows a progress stream until its last update, and resolves then. It rejects if the stream is refused or lost. Only a
 * stream whose events have IDs is opened again: for other servers, a second request could start the work a second time.
 */
export async function followProgress<Data>(
  connection: Connection,
  endpoint: string,
  options: ProgressStreamOptions,
  signal: AbortSignal,
  onUpdate: (update: ProgressUpdate<Data>) => void,
): Promise<void> {
  let last: ProgressUpdate<Data> = { status: "processing", progress: 0, message: "", step: "" };
  let lastEventId = "";
  let lostAt = 0;
  let waitMs = firstWaitMs;
  while (!signal.aborted) {
    const attempt = new AbortController();
    const cut = () => attempt.abort();
    signal.addEventListener("abort", cut, attempt);
    // A connection that was open before the browser went offline is dead, but nothing reports it.
    globalThis.addEventListener?.("online", () => lastEventId && cut(), attempt);
    // The same holds when the page returns from the browser's cache for Back and Forward.
    const show = (event: Event) => lastEventId && (event as PageTransitionEvent).persisted && cut();
    globalThis.addEventListener?.("pageshow", show, attempt);
    let heardAt = performance.now();
    let openedAt: number | undefined;
    let silenceMs = Number.POSITIVE_INFINITY;
    const watchdog = setInterval(() => performance.now() - heardAt > silenceMs && cut(), checkMs);
    // On old versions of Node, a read can stay pending after an abort.
    const within = <T>(work: Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        attempt.signal.onabort = () => reject(new Error(lost));
        work.then(resolve, reject);
      });

    const parse = createSseParser({
      event: ({ id, data }) => {
        lastEventId = id;
        const message = parseMessage(data);
        // Other servers can be silent for as long as the work takes.
        const intervalMs = Number(message?.keepaliveSeconds) * 1000;
        if (intervalMs > 0) silenceMs = Math.min(Math.max(intervalMs * missedKeepalives, checkMs), maxSilenceMs);
        const update = message && last.status === "processing" ? toUpdate<Data>(message, last) : undefined;
        if (!update || signal.aborted) return;
        lostAt = 0;
        openedAt ??= heardAt;
        last = update;
        onUpdate(update);
      },
    });
    try {
      const { url, headers } = await within(address(connection, endpoint, options));
      const response = await within(
        (connection.fetch ?? fetch)(url, {
          headers: { Accept: "text/event-stream", ...headers, ...(lastEventId && { "Last-Event-ID": lastEventId }) },
          credentials: options.withCredentials === false ? "same-origin" : "include",
          cache: "no-store",
          signal: attempt.signal,
        }),
      );
      // The server responds with this status to a reconnect after the end.
      if (response.status === 204) throw new Refusal(lost);
      if (!response.ok || !response.body) {
        heardAt = performance.now();
        silenceMs = refusalMs;
        throw new Refusal(await within(refusalOf(response)).catch(() => `HTTP ${response.status}`));
      }
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await within(reader.read());
        heardAt = performance.now();
        // Some servers leave out the line breaks after their last event. If it was cut off, it is not JSON.
        parse(done ? eventEnd : value);
        if (last.status !== "processing") return;
        if (done) break;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal) throw error;
    } finally {
      clearInterval(watchdog);
      cut();
    }
    lostAt ||= performance.now();
    if (openedAt !== undefined && performance.now() - openedAt > stableMs) waitMs = firstWaitMs;
    if (!lastEventId || performance.now() - lostAt > resumeMs) throw new Refusal(lost);
    await pause(waitMs * (0.5 + Math.random() / 2), signal);
    waitMs = Math.min(waitMs * 2, longestWaitMs);
  }
}

/** Waits, but not longer than until the signal aborts. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const listening = new AbortController();
    const end = () => {
      clearTimeout(timer);
      listening.abort();
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end, listening);
  });
}

/** Says why a stream is not opened again, as a message for users. */
class Refusal extends Error {}

/** Returns the message of a refusal: that of a JSON error, or the status. */
async function refusalOf(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  while (reader && text.length <= maxRefusal) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  try {
    const { message, error } = JSON.parse(text) as Record<string, unknown>;
    const found = [message, error].find((value) => typeof value === "string" && value);
    if (found) return found as string;
  } catch {
    // A body that is not JSON is not meant for users.
  }
  return `HTTP ${response.status}`;
}

/** Returns the URL of an endpoint, and what authorizes the caller. The connection's token goes to its own server only. */
async function address(
  connection: Connection,
  endpoint: string,
  { token }: ProgressStreamOptions,
): Promise<{ url: string; headers: Record<string, string> }> {
  const { baseUrl = "" } = connection;
  const isOwn = !/^([a-z][a-z\d+.-]*:|\/\/)/i.test(endpoint);
  const url = isOwn ? baseUrl + endpoint : endpoint;
  if (token) {
    const value = await (async () => token())().catch((error: unknown) => {
      throw new Refusal((error as Error | undefined)?.message || lost);
    });
    const separator = endpoint.includes("?") ? "&" : "?";
    return { url: value ? `${url}${separator}token=${encodeURIComponent(value)}` : url, headers: {} };
  }
  const bearer = isOwn && (typeof connection.token === "function" ? await connection.token(false) : connection.token);
  return { url, headers: bearer ? { Authorization: `Bearer ${bearer}` } : {} };
}

/** A gateway's own update, or a message of Headway's job streams. */
type Message<Data> = Partial<Omit<StreamMessage, "status"> & ProgressUpdate<Data>>;

function parseMessage(text: string): Message<never> | undefined {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === "object" && message ? message : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the update in a message. */
function toUpdate<Data>(message: Message<Data>, last: ProgressUpdate<Data>): ProgressUpdate<Data> | undefined {
  const status = message.status as string | undefined;
  if (!status) return undefined;
  const text = (value: unknown, before: string) => (typeof value === "string" ? value : before);
  const { progress, steps } = message;
  const failed = status === "error" || status === "failed" || status === "cancelled";
  const ended = failed || isTerminal(status as JobStatus);
  const result = message.data ?? (message.result as Data | undefined);
  const title = Array.isArray(steps) && steps.find((step) => step?.name === message.step)?.title;
  return {
    status: failed ? "error" : ended ? "completed" : "processing",
    progress: typeof progress === "number" ? progress : last.progress,
    message: (failed && text(message.failedReason, "")) || text(message.message, last.message),
    step: text(title, "") || text(message.step, last.step),
    ...(ended && result !== undefined && { data: result }),
  };
}
