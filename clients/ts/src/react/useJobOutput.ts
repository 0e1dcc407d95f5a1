import { useEffect, useState } from "react";
import { readOutput } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";

/** A job's output so far. */
export interface LiveOutput {
  /** The output as UTF-8 text, or its last `maxBytes`. */
  text: string;
  /** The output's bytes in chunks, for output that is not text. Every change creates a new array. */
  chunks: readonly Uint8Array<ArrayBuffer>[];
  /** The total number of bytes. */
  bytes: number;
  /** The beginning of the output was dropped. */
  truncated: boolean;
  /** The job has ended, and the output is complete. */
  ended: boolean;
  error: unknown;
}

/** Selects the output to read; none while `jobId` is undefined. */
export interface UseJobOutputOptions {
  jobId: string | undefined;
  kind: string;
  /** The maximum number of bytes to keep; 4 MiB by default. */
  maxBytes?: number | undefined;
}

const nothing: LiveOutput = { text: "", chunks: [], bytes: 0, truncated: false, ended: false, error: undefined };
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
    let chunks: Uint8Array<ArrayBuffer>[] = [];
    let held = 0;
    let bytes = 0;
    let text = "";
    let repaint: ReturnType<typeof setTimeout> | undefined;

    const show = (part: Partial<LiveOutput> = {}) => {
      clearTimeout(repaint);
      repaint = undefined;
      if (!signal.aborted)
        setOutput({ ...nothing, text, chunks: [...chunks], bytes, truncated: held < bytes, ...part });
    };
    const reader = readOutput({
      ...connection,
      jobId,
      kind,
      signal,
      onChunk: (chunk) => {
        const own = new Uint8Array(chunk.bytes);
        chunks.push(own);
        held += own.length;
        bytes += own.length;
        while (held > maxBytes && chunks.length > 1) held -= chunks.shift()?.length ?? 0;
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
      chunks = [];
    };
  }, [jobId, kind, maxBytes, connection]);

  return output;
}
