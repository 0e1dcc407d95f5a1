import type { ImportDetail, JobSnapshot } from "@headway/client";
import type { ReactNode } from "react";
import { t } from "../../messages/index.js";
import { ErrorDetails } from "../../ui/ErrorDetails.js";
import { Icon } from "../../ui/Icon.js";
import { Downloads, ImportedDownload } from "../Downloads.js";

interface VerdictCardProps {
  job: JobSnapshot;
  detail: ImportDetail;
  /** The server's own message of a failure. */
  failure: string | undefined;
  actions: ReactNode;
}

/** The verdict: how an import ended, with the files to download. */
export function VerdictCard({ job, detail, failure, actions }: VerdictCardProps) {
  const { heading, lead, tone } = verdict(job, detail);
  const errors = detail.totals?.issues ?? 0;
  const warnings = detail.totals?.warnings ?? 0;
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
          <ErrorDetails reason={job.reason} message={failure} />
        )}
        {detail.committed && imported(detail) > 0 && <ImportedDownload importId={job.jobId} />}
        {errors + warnings > 0 && <Downloads importId={job.jobId} errors={errors} />}
      </div>
      <div className="actions">{actions}</div>
    </section>
  );
}

function imported({ totals }: ImportDetail): number {
  return (totals?.inserted ?? 0) + (totals?.updated ?? 0) + (totals?.unchanged ?? 0);
}

function verdict(job: JobSnapshot, detail: ImportDetail): { heading: string; lead: string[]; tone: string } {
  const totals = detail.totals;
  const written = (totals?.inserted ?? 0) + (totals?.updated ?? 0);
  const bad = (totals?.rejected ?? 0) + (totals?.blocked ?? 0);
  const skipped = bad > 0 ? t("verdict.skipped", { n: bad }) : t("verdict.clean");
  if (job.status === "completed") {
    if (detail.dryRun)
      return {
        heading: t("verdict.dryRun"),
        lead: [t("verdict.dryRunLead", { n: written }), skipped],
        tone: bad ? "warn" : "good",
      };
    const heading =
      written > 0
        ? t("verdict.committed", { n: written })
        : bad > 0
          ? t("verdict.unchangedButBad")
          : t("verdict.unchanged");
    return { heading, lead: [skipped], tone: bad ? "warn" : "good" };
  }
  if (job.reason === "REVIEW_DECLINED") {
    return { heading: t("verdict.declined"), lead: [t("verdict.nothingChanged")], tone: "quiet" };
  }
  if (job.status === "cancelled") {
    return { heading: t("verdict.cancelled"), lead: [t("verdict.nothingChanged")], tone: "quiet" };
  }
  if (job.reason === "ROWS_REJECTED" && totals) {
    // The server's own message repeats the heading, because it has none.
    const good = totals.read - bad - totals.skipped;
    return { heading: t("verdict.rowsRejected"), lead: [t("verdict.rowsRejectedLead", { n: bad, good })], tone: "bad" };
  }
  return { heading: t("verdict.failed"), lead: [job.failedReason ?? "", t("verdict.nothingChanged")], tone: "bad" };
}
