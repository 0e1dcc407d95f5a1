import { isTerminal, type JobSnapshot, type StreamMessage } from "../rest/types.js";
import { jobStreamPath, type StreamOptions } from "./stream.js";
import { type Subscription, subscribe } from "./subscription.js";

/** Callbacks and options of a watch. */
export interface WatchOptions extends StreamOptions {
  /** The newest snapshot of a job, with a revision above all told before. States in between may be skipped. */
  onUpdate?: ((snapshot: JobSnapshot) => void) | undefined;
  /** A job was deleted, or can no longer be seen. */
  onDeleted?: ((jobId: string) => void) | undefined;
  /** The watch ended in an error, and will not try again. */
  onError?: ((error: unknown) => void) | undefined;
}

/** Options for watching one job. */
export interface WatchJobOptions extends WatchOptions {
  jobId: string;
  /** The job's kind, part of the stream's address. */
  kind: string;
  /** Called once, with the terminal snapshot; never for a lost connection. */
  onComplete?: ((snapshot: JobSnapshot) => void) | undefined;
}

/** Options for watching one import. */
export interface WatchImportOptions extends Omit<WatchJobOptions, "jobId" | "kind"> {
  importId: string;
}

/**
 * A running watch. Take the snapshots by callbacks, or with `for await`, which gives the newest of each job and skips
 * what came in between. `done` gives the last snapshot, undefined if there was none.
 */
export type Watch = Subscription<JobSnapshot, JobSnapshot | undefined>;

/** Watches one job until it has ended. */
export function watchJob(options: WatchJobOptions): Watch {
  return watch(options, jobStreamPath(options), options.onComplete);
}

/** Watches one import until it has ended: its snapshots carry `import`, with sheets, counters and newest issues. */
export function watchImport(options: WatchImportOptions): Watch {
  return watch(options, `/api/v1/sse/imports/${encodeURIComponent(options.importId)}`, options.onComplete);
}

/** Watches all of the caller's jobs over one stream, until it is closed. */
export function watchJobs(options: WatchOptions = {}): Watch {
  return watch(options, "/api/v1/sse/jobs/my");
}

/** Follows a stream of snapshots; one of a single job unless it is the stream of all jobs. */
function watch(options: WatchOptions, path: string, onComplete?: (snapshot: JobSnapshot) => void): Watch {
  const single = !path.endsWith("/my");
  const seen = new Map<string, number>();
  const fresh = new Map<string, JobSnapshot>();
  let last: JobSnapshot | undefined;

  const watching = subscribe(options, path, "", {
    onMessage(message) {
      const { type, jobId = "", revision = 0, status } = message as StreamMessage;
      if (type === "job_deleted") {
        seen.delete(jobId);
        fresh.delete(jobId);
        options.onDeleted?.(jobId);
        return single;
      }
      if (!status || revision <= (seen.get(jobId) ?? 0)) return false;
      last = message as JobSnapshot;
      seen.set(jobId, revision);
      fresh.set(jobId, last);
      options.onUpdate?.(last);
      const complete = single && isTerminal(last.status);
      if (complete) onComplete?.(last);
      return complete;
    },
    next() {
      for (const [jobId, snapshot] of fresh) {
        fresh.delete(jobId);
        return snapshot;
      }
      return undefined;
    },
    outcome: () => last,
  });
  if (options.onError) watching.done.catch(options.onError);
  return watching;
}
