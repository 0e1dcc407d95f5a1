import { useCallback, useEffect, useState } from "react";
import type { ConnectionState, JobSnapshot, Watch, WatchJobOptions } from "../index.js";
import { type HeadwayConnection, useConnection } from "./HeadwayProvider.js";
import { useLatest } from "./useLatest.js";

/** A job that is kept up to date. */
export interface LiveJob {
  /** The latest snapshot, or undefined before the first one. */
  job: JobSnapshot | undefined;
  /** The state of the connection. It reconnects by itself. */
  connection: ConnectionState["phase"];
  /** The error that ended the watch, or the cause of a reconnect. */
  error: unknown;
  /** Whether the job was deleted. */
  deleted: boolean;
  /** Watches again, for example after a retry of a job that had ended. */
  restart: () => void;
}

type Callbacks = Pick<WatchJobOptions, "onUpdate" | "onComplete" | "onDeleted" | "onError" | "onConnection">;

interface State extends Omit<LiveJob, "restart"> {
  key: string;
}

const begin = (key: string): State => ({
  key,
  job: undefined,
  connection: "connecting",
  error: undefined,
  deleted: false,
});

/** Watches the job of `key` while the component is mounted. An undefined key watches nothing. */
export function useWatch(
  key: string | undefined,
  start: (options: HeadwayConnection & Callbacks) => Watch,
  onComplete: ((job: JobSnapshot) => void) | undefined,
): LiveJob {
  const connection = useConnection();
  const latest = useLatest({ start, onComplete });
  const [state, setState] = useState<State>(() => begin(key ?? ""));
  const [round, setRound] = useState(0);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new round restarts the watch
  useEffect(() => {
    if (key === undefined) return;
    // A watch that is being closed can still call back. Only the current one counts.
    let current = true;
    const change = (part: Partial<State>) => {
      if (current) setState((before) => ({ ...(before.key === key ? before : begin(key)), ...part }));
    };
    const watch = latest.current.start({
      ...connection,
      onUpdate: (job) => change({ job, deleted: false }),
      onDeleted: () => change({ deleted: true }),
      onComplete: (job) => {
        if (current) latest.current.onComplete?.(job);
      },
      onConnection: ({ phase, error }) => change({ connection: phase, error }),
      onError: (error) => change({ error }),
    });
    return () => {
      current = false;
      watch.close();
    };
  }, [key, connection, round]);

  const restart = useCallback(() => setRound((n) => n + 1), []);
  const { key: _, ...live } = state.key === (key ?? "") ? state : begin(key ?? "");
  return { ...live, restart };
}
