import type { Connection, ConnectionState } from "../rest/connection.js";
import { isTerminal, type OutputMessage, type StreamMessage } from "../rest/types.js";
import { followAs } from "./guard.js";
import { type BrokerMessage, type BrokerSettings, type PlainError, toPlain } from "./protocol.js";

/** One tab's interest in a stream. */
export interface Follower {
  /** The last event that it has seen; empty if none. */
  lastEventId: string;
  visible: boolean;
  tell(message: DistributedMessage): void;
}

type WithoutStream<T> = T extends unknown ? Omit<T, "stream"> : never;
type DistributedMessage = WithoutStream<Extract<BrokerMessage, { stream: number }>>;

interface Event {
  eventId: string;
  message: StreamMessage | OutputMessage;
}

/** Jobs that have ended are remembered up to this many, for tabs that come back. */
const mostEnded = 500;

/**
 * One stream of the server, shared by those who follow it. Whoever comes later gets what the stream's first messages
 * would tell: the newest state of each job. Output is not kept; for somebody who wants an earlier part of it, the stream
 * begins there anew, and the others drop what they know.
 */
export class Upstream {
  readonly followers = new Set<Follower>();
  /** When it was last given a connection, as a count of turns. */
  turn = 0;
  /** It has told its state; before, it is the first in line for a connection. */
  served = false;

  private readonly isOutput: boolean;
  private readonly isMine: boolean;
  private running: AbortController | undefined;
  /** The last event that came. */
  private lastEventId = "";
  /** What was known before the first event of this connection: who has seen less must have the stream from there. */
  private since = "";
  private connected: Event | undefined;
  private readonly latest = new Map<string, Event>();
  private state: { phase: ConnectionState["phase"]; error: PlainError | undefined } = {
    phase: "connecting",
    error: undefined,
  };

  constructor(
    readonly path: string,
    private readonly settings: BrokerSettings,
    private readonly token: Connection["token"],
    /** Told when the stream is over, or cannot be had. */
    private readonly onEnd: (error: unknown) => void,
    /** Told once, when the stream has told its state. */
    private readonly onServed: () => void,
  ) {
    this.isOutput = path.endsWith("/output");
    this.isMine = path.endsWith("/my");
  }

  get wanted(): boolean {
    return this.followers.size > 0;
  }

  /** It has a connection, or is getting one. */
  get open(): boolean {
    return this.running !== undefined;
  }

  get visible(): boolean {
    return [...this.followers].some((follower) => follower.visible);
  }

  join(follower: Follower): void {
    const first = !this.wanted;
    this.followers.add(follower);
    follower.tell({ type: "connection", ...this.state });
    if (first || this.isBehind(follower)) {
      const { running } = this;
      this.pause();
      this.lastEventId = this.since = follower.lastEventId;
      if (running) this.run();
      return;
    }
    if (this.connected) follower.tell({ type: "message", ...this.connected });
    for (const event of this.latest.values()) follower.tell({ type: "message", ...event });
  }

  /** True if this stream would leave out something that the follower has not seen. */
  private isBehind({ lastEventId }: Follower): boolean {
    if (this.isMine) return lastEventId !== "" && (this.since === "" || isBefore(lastEventId, this.since));
    // A stream of one job begins with its newest state wherever it begins.
    return (this.isOutput || !this.connected) && isBefore(lastEventId, this.lastEventId);
  }

  /** Opens the stream, from the last event on. */
  run(): void {
    if (this.running) return;
    const running = new AbortController();
    this.running = running;
    const current = () => this.running === running;
    const { baseUrl, credentials, user } = this.settings;
    followAs(user)(
      {
        baseUrl,
        credentials,
        token: this.token,
        signal: running.signal,
        onConnection: ({ phase, error }) => {
          if (!current()) return;
          this.state = { phase, error: toPlain(error) };
          this.tell({ type: "connection", ...this.state });
        },
      },
      this.path,
      this.lastEventId,
      (message, eventId) => current() && this.take({ message, eventId }),
    ).then(
      () => current() && this.onEnd(undefined),
      (error: unknown) => current() && this.onEnd(error),
    );
  }

  /** Gives up the connection, and keeps what is known. */
  pause(): void {
    const { running } = this;
    this.running = undefined;
    running?.abort();
  }

  tell(message: DistributedMessage): void {
    for (const follower of [...this.followers]) follower.tell(message);
  }

  /** Takes a message in and hands it on; true if it was the last. */
  private take(event: Event): boolean {
    const { message, eventId } = event;
    const { type, jobId = "", status } = message as StreamMessage;
    if (type === "connected") {
      // The stream begins, perhaps again: it tells of every job that is under way.
      this.connected = event;
      this.latest.clear();
      this.since = eventId || this.lastEventId;
    } else if (type === "job_deleted") {
      this.latest.delete(jobId);
    } else if (status && !this.isOutput) {
      this.latest.delete(jobId);
      this.latest.set(jobId, event);
      this.forgetEnded();
    }
    this.lastEventId = eventId || this.lastEventId;
    if (!this.served && (status || type === ("output" as never))) {
      this.served = true;
      this.onServed();
    }
    this.tell({ type: "message", ...event });
    return !this.isMine && (type === "job_deleted" || isTerminal(status as never));
  }

  private forgetEnded(): void {
    if (!this.isMine || this.latest.size < mostEnded) return;
    const ended = [...this.latest].filter(([, { message }]) => isTerminal((message as StreamMessage).status as never));
    if (ended.length < mostEnded) return;
    for (const [jobId] of ended) this.latest.delete(jobId);
    this.since = this.lastEventId;
  }
}

/** Compares event ids: whole numbers without leading zeros, in any base whose digits are in ASCII order. */
function isBefore(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}
