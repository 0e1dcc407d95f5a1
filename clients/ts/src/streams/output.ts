import type { OutputMessage } from "../rest/types.js";
import { jobStreamPath, type StreamOptions } from "./stream.js";
import { type Subscription, subscribe } from "./subscription.js";

/** A chunk of a job's output. */
export interface OutputChunk {
  /** The offset of the chunk in the output, in bytes. */
  offset: number;
  bytes: Uint8Array;
}

/** Selects the output to read. */
export interface ReadOutputOptions extends StreamOptions {
  jobId: string;
  kind: string;
  /** The offset of the first byte to read; 0 by default. */
  offset?: number | undefined;
  /** Receives every chunk in order, without gaps, across reconnects. Use it or `for await`. */
  onChunk?: ((chunk: OutputChunk) => void) | undefined;
}

/** The number of bytes that can wait for `for await`. More are read when half of them are taken. */
const maxWaiting = 4 * 1024 * 1024;

/** A running read of output, by `onChunk` or `for await`. `done` resolves with the offset after the last byte. */
export type OutputReader = Subscription<OutputChunk, number>;

/**
 * Reads a job's output from an offset until the job has ended. It skips nothing. Without `onChunk`, reading pauses while
 * the loop has 4 MiB to take, so a slow loop needs no more memory.
 */
export function readOutput(options: ReadOutputOptions): OutputReader {
  const { onChunk } = options;
  const chunks: OutputChunk[] = [];
  let end = options.offset ?? 0;
  let waiting = 0;
  let full: Promise<void> | undefined;
  let makeRoom = () => {};

  return subscribe({ ...options, room: () => full }, `${jobStreamPath(options)}/output`, end ? String(end) : "", {
    onMessage(message) {
      // The only message about the job's state is its end.
      if (message.type !== "output") return /^job_/.test(message.type) && message.jobId === options.jobId;
      const { offset, text, data = "" } = message as OutputMessage;
      const bytes =
        text === undefined ? Uint8Array.from(atob(data), (c) => c.charCodeAt(0)) : new TextEncoder().encode(text);
      // After a reconnect, the first bytes can be ones that were already received.
      const known = Math.max(0, end - offset);
      if (known < bytes.length) {
        const chunk = { offset: offset + known, bytes: bytes.subarray(known) };
        end = offset + bytes.length;
        if (onChunk) onChunk(chunk);
        else {
          chunks.push(chunk);
          waiting += chunk.bytes.length;
          if (waiting >= maxWaiting) {
            full ??= new Promise((resolve) => {
              makeRoom = resolve;
            });
          }
        }
      }
      return false;
    },
    next: () => {
      const chunk = chunks.shift();
      waiting -= chunk?.bytes.length ?? 0;
      if (waiting <= maxWaiting / 2) {
        full = undefined;
        makeRoom();
      }
      return chunk;
    },
    result: () => end,
  });
}
