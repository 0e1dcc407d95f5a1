import type { Connection, ConnectionState } from "../rest/connection.js";
import { isTerminal, type OutputMessage, type StreamMessage } from "../rest/types.js";
import { followAs } from "./guard.js";
import { type BrokerMessage, type BrokerSettings, type PlainError, toPlain } from "./protocol.js";

/** A tab that follows a stream. */
export interface Follower {
  /** The ID of the last event that it has received, or "". */
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

/** The maximum number of ended jobs that are remembered, for tabs that join later. */
const maxEnded = 500;

/**
 * One stream of the server, shared by its followers. A follower that joins later gets the latest state of each job, as
 * from the stream's first messages. Output is not stored: for a follower that needs an earlier part, the stream starts
 * again from there, and the others ignore what they have.
 */
export class Upstream {
  readonly followers = new Set<Follower>();
  /** The number of the last turn in which it had a connection. */
  turn = 0;
  /** The token that was sent last, and those that the server has refused. */
  sentToken: string | undefined;
  readonly refused = new Set<string>();
  /** Whether it has delivered its state. Until then, it has priority when connections are assigned. */
  served = false;

  /** The number of refusals since the stream was last open. */
  private refusals = 0;
  private readonly isOutput: boolean;
  private readonly isMine: boolean;
  /** The job of the stream, unless it has all jobs. */
  private readonly jobId: string;
  private running: AbortController | undefined;
  /** The ID of the last event. */
  private lastEventId = "";
  /**
   * The ID of the last event before this connection. A follower whose last event is earlier needs the stream from there
   * on.
   */
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
    /** Called when the stream has ended or was refused. */
    private readonly onEnd: (error: unknown) => void,
    /** Called once, when the stream has delivered its state. */
    private readonly onServed: () => void,
  ) {
    this.isOutput = path.endsWith("/output");
    this.isMine = path.endsWith("/my");
    this.jobId = decodeURIComponent(path.replace(/\/output$/, "").replace(/.*\//, ""));
  }

  get wanted(): boolean {
    return this.followers.size > 0;
  }

  /** Whether it has a connection, or is opening one. */
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

  /** Reports whether this stream would skip something that the follower has not received. */
  private isBehind({ lastEventId }: Follower): boolean {
    if (this.isMine) return lastEventId !== "" && (this.since === "" || isBefore(lastEventId, this.since));
    // A stream of one job starts with its latest state, from any event on.
    return (this.isOutput || !this.connected) && isBefore(lastEventId, this.lastEventId);
  }

  /** Opens the stream from the last event on. */
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

  /** Records that the server refused the last token. It returns the number of refusals since the stream was last open. */
  refuse(): number {
    if (this.sentToken !== undefined) this.refused.add(this.sentToken);
    return ++this.refusals;
  }

  /** Closes the connection, and keeps the state. */
  pause(): void {
    const { running } = this;
    this.running = undefined;
    running?.abort();
  }

  tell(message: DistributedMessage): void {
    for (const follower of [...this.followers]) follower.tell(message);
  }

  /** Stores a message, and passes it on. It returns true if the message was the last one. */
  private take(event: Event): boolean {
    const { message, eventId } = event;
    const { type, jobId = "", status } = message as StreamMessage;
    if (!this.isMine && jobId && jobId !== this.jobId) return false;
    if (type === "connected") {
      // The stream starts, possibly again: it sends every job that has not ended.
      this.connected = event;
      this.refusals = 0;
      this.refused.clear();
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
    if (!this.isMine || this.latest.size < maxEnded) return;
    const ended = [...this.latest].filter(([, { message }]) => isTerminal((message as StreamMessage).status as never));
    if (ended.length < maxEnded) return;
    for (const [jobId] of ended) this.latest.delete(jobId);
    this.since = this.lastEventId;
  }
}

/** Compares event IDs: whole numbers without leading zeros, in any base whose digits are in ASCII order. */
function isBefore(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length;
}
