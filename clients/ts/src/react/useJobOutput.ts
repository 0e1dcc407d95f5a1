import { useEffect, useState } from "react";
import { readOutput } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";

/** A job's output so far. */
export interface LiveOutput {
  /** The output as text (UTF-8); its last part if there is more than `maxBytes`. */
  text: string;
  /** The output's bytes in pieces, for what is no text; a new array with every change. */
  pieces: readonly Uint8Array<ArrayBuffer>[];
  /** Bytes in all. */
  bytes: number;
  /** Older output is no longer held. */
  truncated: boolean;
  /** The job has ended and all of its output is here. */
  ended: boolean;
  error: unknown;
}

/** Which output to read; none while `jobId` is undefined. */
export interface UseJobOutputOptions {
  jobId: string | undefined;
  kind: string;
  /** How much is held, in bytes; 4 MiB by default. */
  maxBytes?: number | undefined;
}

const nothing: LiveOutput = { text: "", pieces: [], bytes: 0, truncated: false, ended: false, error: undefined };
const repaintMs = 100;

/** Reads a job's output as it grows. */
export function useJobOutput({ jobId, kind, maxBytes = 4 * 1024 * 1024 }: UseJobOutputOptions): LiveOutput {
  const connection = useConnection();
  const [output, setOutput] = useState(nothing);

  useEffect(() => {
    setOutput(nothing);
    if (!jobId) return;
    const decoder = new TextDecoder();
    const closing = new AbortController();
    const { signal } = closing;
    let pieces: Uint8Array<ArrayBuffer>[] = [];
    let held = 0;
    let bytes = 0;
    let text = "";
    let repaint: ReturnType<typeof setTimeout> | undefined;

    const show = (part: Partial<LiveOutput> = {}) => {
      clearTimeout(repaint);
      repaint = undefined;
      if (!signal.aborted)
        setOutput({ ...nothing, text, pieces: [...pieces], bytes, truncated: held < bytes, ...part });
    };
    const reader = readOutput({
      ...connection,
      jobId,
      kind,
      signal,
      onPiece: (piece) => {
        const own = new Uint8Array(piece.bytes);
        pieces.push(own);
        held += own.length;
        bytes += own.length;
        while (held > maxBytes && pieces.length > 1) held -= pieces.shift()?.length ?? 0;
        text = (text + decoder.decode(own, { stream: true })).slice(-maxBytes);
        repaint ??= setTimeout(show, repaintMs);
      },
    });
    reader.done.then(
      () => show({ ended: true }),
      (error: unknown) => show({ error }),
    );
    return () => {
      closing.abort();
      clearTimeout(repaint);
      pieces = [];
    };
  }, [jobId, kind, maxBytes, connection]);

  return output;
}
