import { useEffect, useMemo, useRef, useState } from "react";
import { type JobSnapshot, type JobStatus, watchJob } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";
import { useLatest } from "./useLatest.js";

/** The options of useJobSSE, in the shape of hooks that poll a status route. */
export interface UseJobSSEOptions<Result = Record<string, unknown>> {
  /** The job to watch, if any. */
  jobId: string | null | undefined;
  /** The job's kind: `character`, `media`, `import`, … */
  type: string;
  /** The bearer token. Without it, the provider's connection or the session's cookie is used. */
  token?: string | null | undefined;
  /** Called once with the result when the job has completed, but not when it has failed or was cancelled. */
  onComplete?: ((result: Result) => void) | undefined;
}

/** A job's state in one flat shape. */
export interface JobSSE {
  /** The latest snapshot, or null before the first one. */
  jobStatus: JobSnapshot | null;
  /** 0 to 100. */
  progress: number;
  /** `queued` before the first snapshot. */
  status: JobStatus;
  /** The error that ended the watch, if any. */
  error: unknown;
}

/** Watches a job over its stream, instead of polling with a timer. */
export function useJobSSE<Result = Record<string, unknown>>(options: UseJobSSEOptions<Result>): JobSSE {
  const { jobId, type, token } = options;
  const connection = useConnection();
  const latest = useLatest(options.onComplete);
  const [jobStatus, setJobStatus] = useState<JobSnapshot | null>(null);
  const [error, setError] = useState<unknown>();
  /** The jobs whose completion was reported. A new token or connection starts the watch again, and so the same end. */
  const reported = useRef(new Set<string>());

  useEffect(() => {
    setJobStatus(null);
    setError(undefined);
    if (!jobId) return;
    const watch = watchJob({
      ...connection,
      ...(token && { token }),
      jobId,
      kind: type,
      onUpdate: setJobStatus,
      onComplete: ({ status, result }) => {
        if (status !== "completed" || reported.current.has(jobId)) return;
        reported.current.add(jobId);
        latest.current?.((result ?? {}) as Result);
      },
      onError: setError,
    });
    return () => watch.close();
  }, [jobId, type, token, connection, latest]);

  return useMemo(
    () => ({ jobStatus, progress: jobStatus?.progress ?? 0, status: jobStatus?.status ?? "queued", error }),
    [jobStatus, error],
  );
}
