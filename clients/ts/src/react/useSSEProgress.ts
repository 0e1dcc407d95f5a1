import { useCallback, useEffect, useRef, useState } from "react";
import { createTicket, followByFetch, isTerminal, type StreamMessage } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";

/** An update in the format of gateways that stream progress. */
export interface ProgressUpdate<Data = Record<string, unknown>> {
  status: "processing" | "completed" | "error";
  /** From 0 to 100, possibly with decimals. */
  progress: number;
  message: string;
  /** The name of the current step. */
  step: string;
  /** The result, at the end only. */
  data?: Data | undefined;
}

/** A stream of progress that starts on demand. */
export interface SSEProgress<Data = Record<string, unknown>> {
  /** The latest update, or null before the first one. */
  progress: ProgressUpdate<Data> | null;
  isConnected: boolean;
  /** Gets a single-use ticket, opens `endpoint?token=…`, and returns a function that stops. */
  start: () => () => void;
}

/** How long the hook reconnects before it reports an error. */
const giveUpAfterMs = 60_000;

/** Follows a progress stream, for example `/api/v1/sse/jobs/media/{id}`, once `start` is called. */
export function useSSEProgress<Data = Record<string, unknown>>(endpoint: string): SSEProgress<Data> {
  const connection = useConnection();
  const [progress, setProgress] = useState<ProgressUpdate<Data> | null>(null);
  const [isConnected, setConnected] = useState(false);
  const running = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => running.current?.abort(), []);

  const start = useCallback(() => {
    running.current?.abort();
    const stopping = new AbortController();
    running.current = stopping;
    const { signal } = stopping;
    const stop = () => stopping.abort();
    const tell = <T>(set: (value: T) => void, value: T) => {
      if (running.current === stopping) set(value);
    };

    let last: ProgressUpdate<Data> = { status: "processing", progress: 0, message: "", step: "" };
    tell(setProgress, last);
    const withTicket: typeof fetch = async (input, init) => {
      const { ticket } = await createTicket({ ...connection, signal });
      const address = `${input}${String(input).includes("?") ? "&" : "?"}token=${encodeURIComponent(ticket)}`;
      return (connection.fetch ?? fetch)(address, init);
    };
    followByFetch(
      {
        ...connection,
        ...(/^https?:/.test(endpoint) && { baseUrl: "" }),
        credentials: "include",
        token: undefined,
        fetch: withTicket,
        signal,
        giveUpAfterMs,
        onConnection: ({ phase }) => tell(setConnected, phase === "open"),
      },
      endpoint,
      "",
      (message) => {
        const update = toUpdate<Data>(message as StreamMessage, last);
        if (!update) return false;
        last = update;
        tell(setProgress, last);
        return last.status !== "processing";
      },
    )
      .catch(() => tell(setProgress, { ...last, status: "error", message: "Connection lost" }))
      .finally(() => tell(setConnected, false));
    return stop;
  }, [connection, endpoint]);

  return { progress, isConnected, start };
}

function toUpdate<Data>(message: StreamMessage, last: ProgressUpdate<Data>): ProgressUpdate<Data> | undefined {
  const status = message.status as string | undefined;
  if (!status) return undefined;
  const failed = status === "failed" || status === "cancelled" || status === "error";
  return {
    status: failed ? "error" : status === "completed" ? "completed" : "processing",
    progress: message.progress ?? last.progress,
    message: (failed && message.failedReason) || message.message || last.message,
    step: message.step ?? last.step,
    ...(isTerminal(message.status as never) && { data: message.result as Data }),
  };
}
