/** The messages between a tab and the broker that follows streams for all tabs. */
import { type ConnectionState, HeadwayError } from "../rest/connection.js";
import type { OutputMessage, StreamMessage } from "../rest/types.js";

/** Part of the names by which tabs find each other, so that tabs of different versions don't share. */
export const protocolVersion = 2;

/** The user and the server of a broker. All of its tabs have the same settings. */
export interface BrokerSettings {
  /** The absolute address of the server, because a worker resolves relative ones against its own address. */
  baseUrl: string;
  credentials: RequestCredentials;
  /** The subject of every stream. A stream of another user is never passed on. */
  user: string;
  /** The maximum number of open streams. */
  connections: number;
}

/** From a tab to the broker. */
export type TabMessage =
  /** Follow a stream. `stream` is the number that the tab gave it. */
  | { type: "follow"; stream: number; path: string; lastEventId: string }
  | { type: "leave"; stream: number }
  /** Answers `token?`, with an error if the stream's function failed. */
  | { type: "token"; ask: number; token: string | undefined; error: PlainError | undefined }
  /** The tab is alive. The broker answers `here`, or `welcome` to a tab that it doesn't know. */
  | { type: "here"; visible: boolean }
  /** The tab closes. */
  | { type: "bye" };

/** From the broker to a tab. */
export type BrokerMessage =
  /** The broker doesn't know the streams of this tab: send them. */
  | { type: "welcome" }
  | { type: "here" }
  | { type: "message"; stream: number; eventId: string; message: StreamMessage | OutputMessage }
  | { type: "connection"; stream: number; phase: ConnectionState["phase"]; error: PlainError | undefined }
  /** The stream has ended, with an error if it failed. */
  | { type: "end"; stream: number; error: PlainError | undefined }
  /** Send the token of a stream. `refused` means that the server has refused the last one. */
  | { type: "token?"; ask: number; of: number; refused: boolean };

/**
 * An array of BrokerMessage as JSON. A string is cheaper to transfer than objects, and the transfer uses the main
 * threads of the tabs.
 */
export type Batch = string;

export const readBatch = (batch: Batch): BrokerMessage[] => JSON.parse(batch);

/** A tab's connection to a broker. */
export interface Link {
  post(message: TabMessage): void;
  /** Replaces a broker that has stopped responding. */
  revive(): void;
  close(): void;
}

/** A HeadwayError in a message between tabs. */
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
  const known = error instanceof HeadwayError ? error : new HeadwayError(0, { message: (error as Error)?.message });
  const { status, reason, message, requestId, details, retryAfterMs } = known;
  return { status, reason, message, requestId, details, retryAfterMs };
}

export function fromPlain(plain: PlainError | undefined): HeadwayError | undefined {
  if (!plain) return undefined;
  const { status, retryAfterMs, ...body } = plain;
  return new HeadwayError(status, { ...body, details: [...body.details] as never }, retryAfterMs);
}
