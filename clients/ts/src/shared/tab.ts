import { authorize, HeadwayError } from "../rest/connection.js";
import type { StreamOptions, StreamTransport } from "../streams/stream.js";
import { type BrokerMessage, fromPlain, type Link, toPlain } from "./protocol.js";

interface Followed {
  path: string;
  options: StreamOptions;
  lastEventId: string;
  onMessage: Parameters<StreamTransport>[3];
  /** The timer that ends the stream if it stays without a connection. */
  lost: ReturnType<typeof setTimeout> | undefined;
  /** Why it has no connection. */
  error: HeadwayError | undefined;
  end(error?: unknown): void;
}

/**
 * How often a tab reports that it is alive, and how long a broker can take to answer. Browsers slow timers down in
 * background tabs.
 */
const hereMs = 10_000;
/** An unused link is closed after this time, so that a new watch can reuse it. */
const idleMs = 1_000;

/** The tab's side: its streams, over a link that can lose its broker and get another. */
export class Tab {
  private readonly followed = new Map<number, Followed>();
  private streams = 0;
  private link: Link | undefined;
  private answered = true;
  private beating: ReturnType<typeof setInterval> | undefined;
  private idling: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly openLink: (receive: (message: BrokerMessage) => void) => Link) {}

  readonly follow: StreamTransport = (options, path, lastEventId, onMessage) =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) {
        resolve();
        return;
      }
      const stream = ++this.streams;
      const leave = () => followed.end();
      const followed: Followed = {
        path,
        options,
        lastEventId,
        onMessage,
        lost: undefined,
        error: undefined,
        end: (error) => {
          if (!this.followed.delete(stream)) return;
          clearTimeout(followed.lost);
          signal?.removeEventListener("abort", leave);
          this.link?.post({ type: "leave", stream });
          if (this.followed.size === 0) this.idling = setTimeout(this.close, idleMs);
          if (error) reject(error);
          else resolve();
        },
      };
      signal?.addEventListener("abort", leave);
      this.followed.set(stream, followed);
      options.onConnection?.({ phase: "connecting" });
      countDown(followed);
      this.open();
      this.tellFollow(stream, followed);
    });

  private open(): void {
    clearTimeout(this.idling);
    if (this.link) return;
    this.link = this.openLink((message) => this.receive(message));
    this.beating = setInterval(() => this.beat(), hereMs);
    globalThis.document?.addEventListener("visibilitychange", this.sayHere);
    globalThis.addEventListener?.("pageshow", this.sayHere);
    globalThis.addEventListener?.("pagehide", this.sayBye);
    this.answered = true;
    this.sayHere();
  }

  private readonly close = (): void => {
    clearInterval(this.beating);
    globalThis.document?.removeEventListener("visibilitychange", this.sayHere);
    globalThis.removeEventListener?.("pageshow", this.sayHere);
    globalThis.removeEventListener?.("pagehide", this.sayBye);
    this.link?.post({ type: "bye" });
    this.link?.close();
    this.link = undefined;
  };

  private readonly sayHere = (): void => {
    this.link?.post({ type: "here", visible: globalThis.document?.visibilityState !== "hidden" });
  };

  private readonly sayBye = (): void => this.link?.post({ type: "bye" });

  private beat(): void {
    if (!this.answered) {
      for (const { options } of this.followed.values()) options.onConnection?.({ phase: "retrying" });
      this.link?.revive();
    }
    this.answered = false;
    this.sayHere();
  }

  private tellFollow(stream: number, { path, lastEventId }: Followed): void {
    this.link?.post({ type: "follow", stream, path, lastEventId });
  }

  private receive(message: BrokerMessage): void {
    this.answered = true;
    if (message.type === "welcome") {
      for (const [stream, followed] of this.followed) this.tellFollow(stream, followed);
    } else if (message.type === "token?") {
      void this.giveToken(message);
    } else if (message.type !== "here") {
      const followed = this.followed.get(message.stream);
      if (!followed) return;
      hear(followed, message);
      const full = followed.options.room?.();
      if (!full) return;
      // It continues after the last event. Messages in transit are still used.
      this.link?.post({ type: "leave", stream: message.stream });
      void full.then(() => {
        if (this.followed.has(message.stream)) this.tellFollow(message.stream, followed);
      });
    }
  }

  private async giveToken({ ask, of, refused }: Extract<BrokerMessage, { type: "token?" }>): Promise<void> {
    const options = this.followed.get(of)?.options;
    const answer = await (options ? authorize(options, refused) : Promise.reject(new HeadwayError())).then(
      ({ Authorization }) => ({ token: Authorization?.slice("Bearer ".length), error: undefined }),
      (error: unknown) => ({ token: undefined, error: toPlain(error ?? new HeadwayError()) }),
    );
    this.link?.post({ type: "token", ask, ...answer });
  }
}

/** The longest delay that a timer can have. */
const maxDelayMs = 2 ** 31 - 1;

/** Ends a stream that has no connection for too long. */
function countDown(followed: Followed, error?: HeadwayError): void {
  const { giveUpAfterMs } = followed.options;
  if (giveUpAfterMs === undefined) return;
  followed.error = error;
  const end = () => followed.end(followed.error ?? new HeadwayError());
  followed.lost ??= setTimeout(end, Math.min(giveUpAfterMs, maxDelayMs));
}

function hear(followed: Followed, message: Extract<BrokerMessage, { stream: number }>): void {
  const { options } = followed;
  const error = message.type === "message" ? undefined : fromPlain(message.error);
  try {
    switch (message.type) {
      case "message":
        followed.lastEventId = message.eventId || followed.lastEventId;
        if (followed.onMessage(message.message, message.eventId)) followed.end();
        break;
      case "connection":
        if (message.phase === "open") {
          clearTimeout(followed.lost);
          followed.lost = undefined;
        } else countDown(followed, error);
        options.onConnection?.({ phase: message.phase, error });
        break;
      case "end":
        followed.end(error);
        break;
    }
  } catch (thrown) {
    followed.end(thrown);
  }
}
