import { useEffect, useMemo, useState } from "react";
import { type JobSnapshot, type JobStatus, watchJob } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";
import { useLatest } from "./useLatest.js";

/** What to watch, as those write it who come from polling a status route. */
export interface UseJobSSEOptions<Result = Record<string, unknown>> {
  /** The job; nothing is watched without one. */
  jobId: string | null | undefined;
  /** The job's kind: `character`, `media`, `import`, … */
  type: string;
  /** The bearer token; without it the provider's connection or the session's cookie counts. */
  token?: string | null | undefined;
  /** Called once when the job has completed, with its result. Not for failed or cancelled jobs. */
  onComplete?: ((result: Result) => void) | undefined;
}

/** A job's state in one flat shape. */
export interface JobSSE {
  /** The newest snapshot; null before the first. */
  jobStatus: JobSnapshot | null;
  /** 0 to 100. */
  progress: number;
  /** `queued` before the first snapshot. */
  status: JobStatus;
}

/** Watches a job over its stream, in place of a timer that polls. */
export function useJobSSE<Result = Record<string, unknown>>(options: UseJobSSEOptions<Result>): JobSSE {
  const { jobId, type, token } = options;
  const connection = useConnection();
  const latest = useLatest(options.onComplete);
  const [jobStatus, setJobStatus] = useState<JobSnapshot | null>(null);

  useEffect(() => {
    setJobStatus(null);
    if (!jobId) return;
    const watch = watchJob({
      ...connection,
      ...(token && { token }),
      jobId,
      kind: type,
      onUpdate: setJobStatus,
      onComplete: ({ status, result }) => {
        if (status === "completed") latest.current?.((result ?? {}) as Result);
      },
    });
    return () => watch.close();
  }, [jobId, type, token, connection, latest]);

  return useMemo(
    () => ({ jobStatus, progress: jobStatus?.progress ?? 0, status: jobStatus?.status ?? "queued" }),
    [jobStatus],
  );
}
