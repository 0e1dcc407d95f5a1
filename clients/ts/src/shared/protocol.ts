/** What a tab and the broker that follows streams for all tabs say to each other. */
import { type ConnectionState, HeadwayError } from "../rest/connection.js";
import type { OutputMessage, StreamMessage } from "../rest/types.js";

/** Part of the names by which tabs find each other: those of other versions keep to themselves. */
export const protocolVersion = 1;

/** Whose streams a broker follows, and where. All of its tabs have the same. */
export interface BrokerSettings {
  /** The server's address, absolute: a worker's own base is another. */
  baseUrl: string;
  credentials: RequestCredentials;
  /** The subject that every stream must be of; a stream of anybody else is never handed on. */
  user: string;
  /** How many streams are open at a time. */
  connections: number;
}

/** From a tab to the broker. */
export type TabMessage =
  /** Follow a stream; `stream` is the tab's own number for it. */
  | { type: "follow"; stream: number; path: string; lastEventId: string }
  | { type: "leave"; stream: number }
  /** Answers `token?`. */
  | { type: "token"; ask: number; token: string | undefined }
  /** The tab lives, and is or is not in sight. The broker answers `here` or, to a tab that it does not know, `welcome`. */
  | { type: "here"; visible: boolean }
  /** The tab goes. */
  | { type: "bye" };

/** From the broker to a tab. */
export type BrokerMessage =
  /** The broker knows nothing of what this tab follows: tell it. */
  | { type: "welcome" }
  | { type: "here" }
  | { type: "message"; stream: number; eventId: string; message: StreamMessage | OutputMessage }
  | { type: "connection"; stream: number; phase: ConnectionState["phase"]; error: PlainError | undefined }
  /** The stream is over; with an error, for good. */
  | { type: "end"; stream: number; error: PlainError | undefined }
  /** Give the token; `refused` means that the server has refused the last. */
  | { type: "token?"; ask: number; refused: boolean };

/**
 * What a broker says at one time, as JSON: an array of BrokerMessage. One text is cheaper to hand over than the objects in it,
 * and it is the tabs' main threads that pay.
 */
export type Batch = string;

export const readBatch = (batch: Batch): BrokerMessage[] => JSON.parse(batch);

/** A tab's way to a broker. */
export interface Link {
  post(message: TabMessage): void;
  /** The broker has not answered for a while: get another. */
  revive(): void;
  close(): void;
}

/** A HeadwayError as it travels between tabs. */
export interface PlainError {
  status: number;
  reason: string;
  message: string;
  requestId: string | undefined;
  details: readonly unknown[];
  retryAfterMs: number;
}

export function toPlain(error: unknown): PlainError | undefined {
  if (error === undefined) return undefined;
  const known = error instanceof HeadwayError ? error : new HeadwayError(500, { message: String(error) });
  const { status, reason, message, requestId, details, retryAfterMs } = known;
  return { status, reason, message, requestId, details, retryAfterMs };
}

export function fromPlain(plain: PlainError | undefined): HeadwayError | undefined {
  if (!plain) return undefined;
  const { status, retryAfterMs, ...body } = plain;
  return new HeadwayError(status, { ...body, details: [...body.details] as never }, retryAfterMs);
}
