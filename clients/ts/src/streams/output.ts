import type { OutputMessage } from "../rest/types.js";
import { jobStreamPath, type StreamOptions } from "./stream.js";
import { type Subscription, subscribe } from "./subscription.js";

/** A piece of a job's output. */
export interface OutputPiece {
  /** Where the piece begins, in bytes from the beginning of the output. */
  offset: number;
  bytes: Uint8Array;
}

/** Which output to read. */
export interface ReadOutputOptions extends StreamOptions {
  jobId: string;
  kind: string;
  /** The first byte to read; 0 is the beginning. */
  offset?: number | undefined;
  /** Told of every piece, in order, without gaps, across reconnects; instead of `for await`. */
  onPiece?: ((piece: OutputPiece) => void) | undefined;
}

/** Output being read: by `onPiece`, or with `for await`. `done` gives the offset behind the last byte. */
export type OutputReader = Subscription<OutputPiece, number>;

/** Reads a job's output from an offset on, as it grows, until the job has ended. Nothing is skipped. */
export function readOutput(options: ReadOutputOptions): OutputReader {
  const { onPiece } = options;
  const pieces: OutputPiece[] = [];
  let end = options.offset ?? 0;

  return subscribe(options, `${jobStreamPath(options)}/output`, end ? String(end) : "", {
    onMessage(message) {
      // Of the job itself this stream sends only its end.
      if (message.type !== "output") return message.type.startsWith("job_");
      const { offset, text, data = "" } = message as OutputMessage;
      const bytes =
        text === undefined ? Uint8Array.from(atob(data), (c) => c.charCodeAt(0)) : new TextEncoder().encode(text);
      // A reconnect may bring again what is known already.
      const known = Math.max(0, end - offset);
      if (known < bytes.length) {
        const piece = { offset: offset + known, bytes: bytes.subarray(known) };
        end = offset + bytes.length;
        if (onPiece) onPiece(piece);
        else pieces.push(piece);
      }
      return false;
    },
    next: () => pieces.shift(),
    outcome: () => end,
  });
}
