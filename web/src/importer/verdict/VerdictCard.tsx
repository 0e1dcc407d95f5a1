import type { ImportDetail, JobSnapshot } from "@headway/client";
import type { ReactNode } from "react";
import { Icon } from "../../ui/Icon.js";
import { texts } from "../../ui/texts.js";
import { Downloads, ImportedDownload } from "../Downloads.js";

interface VerdictCardProps {
  job: JobSnapshot;
  detail: ImportDetail;
  actions: ReactNode;
}

/** How an import ended, in one sentence, with what to take away. */
export function VerdictCard({ job, detail, actions }: VerdictCardProps) {
  const { heading, lead, tone } = verdict(job, detail);
  const issues = (detail.totals?.issues ?? 0) + (detail.totals?.warnings ?? 0);
  return (
    <section className="card verdict" data-tone={tone} aria-labelledby="verdict-heading">
      <span className="verdict-mark" aria-hidden="true">
        <Icon name={tone === "good" ? "check" : tone === "quiet" ? "cross" : "alert"} />
      </span>
      <div className="verdict-words">
        <h2 id="verdict-heading">{heading}</h2>
        {lead.filter(Boolean).map((line) => (
          <p key={line}>{line}</p>
        ))}
        {job.status === "failed" && job.reason && tone === "bad" && (
          <p className="fine muted">
            {texts.job.reason}: <code>{job.reason}</code>
          </p>
        )}
        {detail.committed && imported(detail) > 0 && <ImportedDownload importId={job.jobId} />}
        {issues > 0 && <Downloads importId={job.jobId} />}
      </div>
      <div className="actions">{actions}</div>
    </section>
  );
}

function imported({ totals }: ImportDetail): number {
  return (totals?.inserted ?? 0) + (totals?.updated ?? 0) + (totals?.unchanged ?? 0);
}

function verdict(job: JobSnapshot, detail: ImportDetail): { heading: string; lead: string[]; tone: string } {
  const t = texts.import;
  const totals = detail.totals;
  const written = (totals?.inserted ?? 0) + (totals?.updated ?? 0);
  const bad = (totals?.rejected ?? 0) + (totals?.blocked ?? 0);
  const leftOut = bad > 0 ? t.done.leftOut(bad) : t.done.clean;
  if (job.status === "completed") {
    if (detail.dryRun)
      return { heading: t.done.dryRun, lead: [t.done.dryRunLead(written), leftOut], tone: bad ? "warn" : "good" };
    const heading = written > 0 ? t.done.committed(written) : bad > 0 ? t.done.unchangedButBad : t.done.unchanged;
    return { heading, lead: [leftOut], tone: bad ? "warn" : "good" };
  }
  if (job.reason === "REVIEW_DECLINED") {
    return { heading: t.failed.declined, lead: [t.failed.nothingWritten], tone: "quiet" };
  }
  if (job.status === "cancelled") {
    return { heading: t.failed.cancelled, lead: [t.failed.nothingWritten], tone: "quiet" };
  }
  const heading = job.reason === "ROWS_REJECTED" ? t.failed.rows_rejected : t.failed.other;
  return { heading, lead: [job.failedReason ?? "", t.failed.nothingWritten], tone: "bad" };
}
