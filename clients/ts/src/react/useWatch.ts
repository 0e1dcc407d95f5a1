import { useCallback, useEffect, useState } from "react";
import type { ConnectionState, JobSnapshot, Watch, WatchJobOptions } from "../index.js";
import { type HeadwayConnection, useConnection } from "./HeadwayProvider.js";
import { useLatest } from "./useLatest.js";

/** A job as it stands now, kept up to date. */
export interface LiveJob {
  /** The newest snapshot; undefined until the first has come. */
  job: JobSnapshot | undefined;
  /** Where the connection stands; a lost one mends itself. */
  connection: ConnectionState["phase"];
  /** Why the watch ended for good, or what a lost connection is waiting out. */
  error: unknown;
  /** The job was deleted. */
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

/** Watches what `key` names for as long as the component is there; an undefined key watches nothing. */
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
    // A watch that is being closed may still have a word to say; only the current one is listened to.
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
