import { isTerminal, type JobSnapshot } from "@headway/client";
import { Fill, useNearby } from "@headway/client/react";
import { memo } from "react";
import { t } from "../messages/index.js";
import { labels } from "../messages/labels.js";
import { useLanguage } from "../messages/language.js";
import { inLanguage } from "../messages/server.js";
import { formatAge, formatTime } from "../ui/format.js";
import { Icon } from "../ui/Icon.js";
import { kindName } from "./kindName.js";
import { StatusBadge } from "./StatusBadge.js";

interface JobRowProps {
  job: JobSnapshot;
  /** The address of the job's page. */
  href: string;
  minute: number;
}

/**
 * One job in a list. It renders again only when the job's revision, or the minute of its age, changes. Far outside the
 * visible area it is an empty row of the same height, so a thousand live jobs cost as much as a few.
 */
export const JobRow = memo(
  function JobRow({ job, href, minute }: JobRowProps) {
    const { ref, near, height } = useNearby<HTMLLIElement>();
    return (
      <li ref={ref} className="job-row" data-status={job.status} style={near ? undefined : { blockSize: height }}>
        {near && <JobLine job={job} href={href} minute={minute} />}
      </li>
    );
  },
  (a, b) => a.minute === b.minute && a.job.jobId === b.job.jobId && a.job.revision === b.job.revision,
);

function JobLine({ job, href, minute }: JobRowProps) {
  useLanguage(); // JobRow does not render again when the language changes
  const shown = inLanguage(job);
  const live = !isTerminal(job.status);
  const percent = Math.floor(job.progress);
  const title = job.title || t("job.untitled", { kind: job.kind });
  return (
    <a href={href}>
      <span className="job-icon">
        <Icon name={job.kind === "import" ? "sheet" : "job"} />
      </span>
      <span className="job-name">
        <strong>{title}</strong>
        <span className="muted">{shown.failedReason || shown.message || kindName(job.kind)}</span>
      </span>
      <span className="job-progress">
        {live && (
          <>
            <span
              className="headway-bar"
              role="progressbar"
              aria-label={title}
              aria-valuemin={0}
              aria-valuemax={100}
              aria-valuenow={percent}
              aria-valuetext={`${percent} %, ${labels().status[job.status]}`}
            >
              <Fill percent={job.progress} />
            </span>
            <span className="job-percent">{percent}%</span>
          </>
        )}
      </span>
      <StatusBadge status={job.status} />
      {job.createdAt && (
        <time className="muted" dateTime={job.createdAt} title={formatTime(job.createdAt)}>
          {formatAge(job.createdAt, minute * 60_000)}
        </time>
      )}
    </a>
  );
}
