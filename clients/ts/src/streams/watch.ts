import { isTerminal, type JobSnapshot, type StreamMessage } from "../rest/types.js";
import { jobStreamPath, type StreamOptions } from "./stream.js";
import { type Subscription, subscribe } from "./subscription.js";

/** The options and callbacks of a watch. */
export interface WatchOptions extends StreamOptions {
  /**
   * Receives the latest snapshot of a job. Intermediate states can be skipped. Revisions only grow, unless the server's
   * data was restored from a backup.
   */
  onUpdate?: ((snapshot: JobSnapshot) => void) | undefined;
  /** The job was deleted, or is no longer visible to the user. */
  onDeleted?: ((jobId: string) => void) | undefined;
  /** The watch ended with an error, and does not reconnect. */
  onError?: ((error: unknown) => void) | undefined;
}

/** The options for watching one job. */
export interface WatchJobOptions extends WatchOptions {
  jobId: string;
  /** The job's kind, which is part of the stream's path. */
  kind: string;
  /** Called once, with the terminal snapshot. A lost connection never calls it. */
  onComplete?: ((snapshot: JobSnapshot) => void) | undefined;
}

/** The options for watching one import. */
export interface WatchImportOptions extends Omit<WatchJobOptions, "jobId" | "kind"> {
  importId: string;
}

/**
 * A running watch, by callbacks or `for await`. The iteration returns the latest snapshot of each job and skips the ones
 * before. `done` resolves with the last snapshot, or undefined if there was none.
 */
export type Watch = Subscription<JobSnapshot, JobSnapshot | undefined>;

/** Watches one job until it has ended. */
export function watchJob(options: WatchJobOptions): Watch {
  return watch(options, jobStreamPath(options), options.jobId, options.onComplete);
}

/** Watches one import until it has ended. Its snapshots have `import`, with sheets, counters, and the latest issues. */
export function watchImport(options: WatchImportOptions): Watch {
  const { importId, onComplete } = options;
  return watch(options, `/api/v1/sse/imports/${encodeURIComponent(importId)}`, importId, onComplete);
}

/** Watches all jobs of the caller over one stream, until it is closed. */
export function watchJobs(options: WatchOptions = {}): Watch {
  return watch(options, "/api/v1/sse/jobs/my");
}

/** Follows a stream of snapshots, of a single job or of all jobs. */
function watch(
  options: WatchOptions,
  path: string,
  single?: string,
  onComplete?: (snapshot: JobSnapshot) => void,
): Watch {
  const seen = new Map<string, number>();
  /** The jobs that the server has sent over the current connection. */
  const confirmed = new Set<string>();
  const fresh = new Map<string, JobSnapshot>();
  let last: JobSnapshot | undefined;
  let over = false;

  const watching = subscribe(options, path, "", {
    onMessage(message) {
      const { type, jobId = "", revision = 0, status } = message as StreamMessage;
      if (type === "connected") confirmed.clear();
      // Only this job's end ends the watch, even if a proxy sends messages about others.
      if (single !== undefined && jobId !== single) return false;
      if (type === "job_deleted") {
        seen.delete(jobId);
        fresh.delete(jobId);
        over = single !== undefined;
        options.onDeleted?.(jobId);
        return over;
      }
      if (!status) return false;
      const known = seen.get(jobId) ?? 0;
      // The first state of a connection always counts, even if its revision is lower than the known one.
      const old = confirmed.has(jobId) ? revision <= known : revision === known;
      confirmed.add(jobId);
      if (old) return false;
      last = message as JobSnapshot;
      seen.set(jobId, revision);
      fresh.set(jobId, last);
      options.onUpdate?.(last);
      over = single !== undefined && isTerminal(last.status);
      if (over) onComplete?.(last);
      return over;
    },
    next() {
      for (const [jobId, snapshot] of fresh) {
        fresh.delete(jobId);
        return snapshot;
      }
      return undefined;
    },
    result: () => last,
    unfinished: () => !over,
  });
  if (options.onError) watching.done.catch(options.onError);
  return watching;
}
