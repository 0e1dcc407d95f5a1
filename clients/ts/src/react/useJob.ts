import { type JobSnapshot, watchJob } from "../index.js";
import { type LiveJob, useWatch } from "./useWatch.js";

/** Selects the job to watch. No job is watched while `jobId` is undefined. */
export interface UseJobOptions {
  jobId: string | undefined;
  kind: string;
  /** Called with the terminal snapshot. */
  onComplete?: ((job: JobSnapshot) => void) | undefined;
}

/** Watches one job. */
export function useJob({ jobId, kind, onComplete }: UseJobOptions): LiveJob {
  const key = jobId && `${kind}/${jobId}`;
  return useWatch(key, (options) => watchJob({ ...options, kind, jobId: jobId ?? "" }), onComplete);
}
