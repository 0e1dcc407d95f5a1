import { useCallback, useEffect, useRef, useState } from "react";
import { useConnection } from "./HeadwayProvider.js";
import { followProgress, type ProgressStreamOptions, type ProgressUpdate } from "./progressStream.js";
import { useLatest } from "./useLatest.js";

/** A stream of progress that starts on demand. */
export interface SSEProgress<Data = Record<string, unknown>> {
  /** The latest update, or null before the first one. */
  progress: ProgressUpdate<Data> | null;
  /** Whether the stream is open or about to be: true from the call of `start` to the last update. */
  isConnected: boolean;
  /** Opens the endpoint. It resolves with a function that stops. A second call stops the first one. */
  start: () => Promise<() => void>;
}

interface State<Data> {
  endpoint: string;
  progress: ProgressUpdate<Data> | null;
  isConnected: boolean;
}

/**
 * Follows a progress stream of any server, once `start` is called. Without `options.token`, the token of the nearest
 * HeadwayProvider is sent to its own server, and otherwise only cookies.
 */
export function useSSEProgress<Data = Record<string, unknown>>(
  endpoint: string,
  options: ProgressStreamOptions = {},
): SSEProgress<Data> {
  const connection = useConnection();
  const latest = useLatest({ connection, options });
  const [state, setState] = useState<State<Data>>();
  const running = useRef<AbortController | undefined>(undefined);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new endpoint stops the stream of the previous one.
  useEffect(
    () => () => {
      running.current?.abort();
      setState(undefined);
    },
    [endpoint],
  );

  const start = useCallback(async () => {
    running.current?.abort();
    const stopping = new AbortController();
    running.current = stopping;
    const { signal } = stopping;
    let progress: ProgressUpdate<Data> | null = null;
    const show = (isConnected: boolean) => {
      if (!signal.aborted) setState({ endpoint, progress, isConnected });
    };
    show(true);
    followProgress<Data>(latest.current.connection, endpoint, latest.current.options, signal, (update) => {
      progress = update;
      show(update.status === "processing");
    }).catch((error: unknown) => {
      const { step = "", progress: percent = 0 } = progress ?? {};
      progress = { status: "error", progress: percent, step, message: (error as Error).message };
      show(false);
    });
    return () => {
      if (!signal.aborted) setState((before) => before && { ...before, isConnected: false });
      stopping.abort();
    };
  }, [endpoint, latest]);

  // A render can run before the effect that clears the state of the previous endpoint.
  const current = state?.endpoint === endpoint ? state : undefined;
  return { progress: current?.progress ?? null, isConnected: current?.isConnected ?? false, start };
}
