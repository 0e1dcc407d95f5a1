import type { JobSnapshot } from "../index.js";
import { Fill } from "./Fill.js";
import { defaultLabels, type Labels } from "./labels.js";

/** The properties of a JobProgress. */
export interface JobProgressProps {
  job: Pick<JobSnapshot, "status" | "progress" | "message" | "title" | "stalled">;
  labels?: Labels | undefined;
  className?: string | undefined;
}

/** The bar of a whole job, with its percentage and message. */
export function JobProgress({ job, labels = defaultLabels, className = "" }: JobProgressProps) {
  const percent = Math.floor(job.progress);
  return (
    <div className={`headway-progress ${className}`} data-status={job.status} data-stalled={job.stalled || undefined}>
      <div
        className="headway-bar"
        role="progressbar"
        aria-label={job.title || labels.progress}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={`${percent} %, ${labels.status[job.status]}`}
      >
        <Fill percent={job.progress} />
      </div>
      {job.message && <p className="headway-message">{job.message}</p>}
    </div>
  );
}
