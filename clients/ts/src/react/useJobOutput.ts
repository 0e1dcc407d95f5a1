import { useEffect, useState } from "react";
import { readOutput } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";

/** A job's output so far. */
export interface LiveOutput {
  /** The output as UTF-8 text, or its last `maxBytes` characters. It is empty for binary output. */
  text: string;
  /** Whether the output is binary: it has a null byte near its beginning. */
  binary: boolean;
  /** The bytes of binary output in chunks, or its first `maxBytes`. Every change creates a new array. */
  chunks: readonly Uint8Array<ArrayBuffer>[];
  /** The total number of bytes. */
  bytes: number;
  /** Whether the beginning of the text, or the end of the binary output, was dropped. */
  truncated: boolean;
  /** Whether the job has ended, so that the output is complete. */
  ended: boolean;
  error: unknown;
}

/** Selects the output to read. Nothing is read while `jobId` is undefined. */
export interface UseJobOutputOptions {
  jobId: string | undefined;
  kind: string;
  /** How much to keep: by default the last 4 Mi characters of text, or the first 32 MiB of binary output. */
  maxBytes?: number | undefined;
}

const mebibyte = 1024 * 1024;
const defaultMax = { text: 4 * mebibyte, binary: 32 * mebibyte };
/** Text has no null byte here. Git decides in the same way. */
const inspectedBytes = 8000;
/** How often the state changes at most. Larger binary output, which is processed as a whole, changes less often. */
const repaintMs = 100;

const nothing: LiveOutput = {
  text: "",
  binary: false,
  chunks: [],
  bytes: 0,
  truncated: false,
  ended: false,
  error: undefined,
};

/** Stores the part of an output that is shown. */
class Output {
  bytes = 0;
  private readonly decoder = new TextDecoder();
  private text = "";
  private textDropped = false;
  private isBinary = false;
  private chunks: Uint8Array<ArrayBuffer>[] = [];
  private kept = 0;

  constructor(private readonly maxBytes: number | undefined) {}

  get repaintMs(): number {
    return repaintMs * Math.max(1, this.isBinary ? this.kept / (4 * mebibyte) : 0);
  }

  take(chunk: Uint8Array): void {
    this.isBinary ||= chunk.subarray(0, Math.max(0, inspectedBytes - this.bytes)).includes(0);
    // Until the beginning is known, the output can be either.
    if (this.isBinary || this.bytes < inspectedBytes) this.takeBinary(chunk);
    if (!this.isBinary) this.takeText(chunk);
    this.bytes += chunk.length;
    if (this.isBinary) this.text = "";
    else if (this.bytes >= inspectedBytes) this.chunks = [];
  }

  private takeBinary(chunk: Uint8Array): void {
    const room = (this.maxBytes ?? defaultMax.binary) - this.kept;
    if (room <= 0) return;
    const own = new Uint8Array(chunk.subarray(0, room));
    this.chunks.push(own);
    this.kept += own.length;
  }

  private takeText(chunk: Uint8Array): void {
    this.text += this.decoder.decode(chunk, { stream: true });
    // Dropping the beginning copies the rest, so it is done rarely.
    const most = this.maxBytes ?? defaultMax.text;
    if (this.text.length > 2 * most) this.dropBeginning(most);
  }

  private dropBeginning(most: number): void {
    if (this.text.length <= most) return;
    this.textDropped = true;
    // The cut can be in the middle of a character.
    this.text = this.text.slice(-most).replace(/^[\uDC00-\uDFFF]/, "");
  }

  view(): LiveOutput {
    const { isBinary: binary, bytes } = this;
    if (binary) return { ...nothing, binary, chunks: [...this.chunks], bytes, truncated: this.kept < bytes };
    this.dropBeginning(this.maxBytes ?? defaultMax.text);
    return { ...nothing, text: this.text, bytes, truncated: this.textDropped };
  }
}

/** Reads a job's output as it grows. */
export function useJobOutput({ jobId, kind, maxBytes }: UseJobOutputOptions): LiveOutput {
  const connection = useConnection();
  const [output, setOutput] = useState(nothing);

  useEffect(() => {
    setOutput(nothing);
    if (!jobId) return;
    const closing = new AbortController();
    const { signal } = closing;
    const output = new Output(maxBytes);
    let repaint: ReturnType<typeof setTimeout> | undefined;

    const show = (part: Partial<LiveOutput> = {}) => {
      clearTimeout(repaint);
      repaint = undefined;
      if (!signal.aborted) setOutput({ ...output.view(), ...part });
    };
    const reader = readOutput({
      ...connection,
      jobId,
      kind,
      signal,
      onChunk: ({ bytes }) => {
        output.take(bytes);
        repaint ??= setTimeout(show, output.repaintMs);
      },
    });
    reader.done.then(
      () => show({ ended: true }),
      (error: unknown) => show({ error }),
    );
    return () => {
      closing.abort();
      clearTimeout(repaint);
    };
  }, [jobId, kind, maxBytes, connection]);

  return output;
}
