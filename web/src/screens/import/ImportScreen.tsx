import { isTerminal } from "@headway/client";
import { ImportStepper, useImport } from "@headway/client/react";
import { IssuesPanel } from "../../importer/issues/IssuesPanel.js";
import { ReviewCard } from "../../importer/review/ReviewCard.js";
import { Totals } from "../../importer/Totals.js";
import { VerdictCard } from "../../importer/verdict/VerdictCard.js";
import { announcement } from "../../job/announcement.js";
import { ConnectionNotice } from "../../job/ConnectionNotice.js";
import { JobHead } from "../../job/JobHead.js";
import { JobMeter } from "../../job/JobMeter.js";
import { RetryButton } from "../../job/RetryButton.js";
import { Unavailable } from "../../job/Unavailable.js";
import { useSamples } from "../../job/useSamples.js";
import { hrefs } from "../../shell/router.js";
import { Announcer } from "../../ui/Announcer.js";
import { labels, texts } from "../../ui/texts.js";
import { usePageTitle } from "../../ui/usePageTitle.js";

/** One import, from its place in the queue to its result. All of it comes from the stream: a reload shows the same. */
export function ImportView({ importId }: { importId: string }) {
  const { job, connection, error, deleted, restart } = useImport(importId);
  const samples = useSamples(job);
  const title = job?.import?.fileName || job?.title || "";
  const live = job && !isTerminal(job.status);
  usePageTitle(live && job.status === "active" ? `${Math.floor(job.progress)}% · ${title}` : title);

  const detail = job?.import;
  if (!job || !detail || deleted) {
    return (
      <>
        <ConnectionNotice phase={connection} />
        <Unavailable error={error} deleted={deleted} />
      </>
    );
  }

  const ended = isTerminal(job.status);
  const { totals, sheets = [] } = detail;
  return (
    <div className="import" data-status={job.status}>
      <JobHead
        job={job}
        title={title}
        back={{ href: hrefs.start, text: texts.job.back }}
        chips={[detail.dryRun && texts.job.dryRun, (job.attempt ?? 0) > 1 && texts.job.attempt(job.attempt ?? 0)]}
      />
      <ConnectionNotice phase={connection} />
      <Announcer text={announcement(job, title)} />
      {detail.notices.map((notice) => (
        <p key={notice.reason} className="fine muted">
          {notice.message}
        </p>
      ))}
      {job.status === "waiting" && totals && <ReviewCard importId={importId} sheets={sheets} totals={totals} />}
      {ended && (
        <VerdictCard
          job={job}
          detail={detail}
          actions={
            <>
              <a className="button primary" href={hrefs.start}>
                {texts.job.startOver}
              </a>
              {job.status !== "completed" && <RetryButton jobId={importId} onRetried={restart} />}
            </>
          }
        />
      )}
      <div className="import-grid">
        <div className="import-side">
          <JobMeter job={job} title={title} samples={samples} />
          {totals && <Totals totals={totals} still={ended || job.status === "waiting"} />}
        </div>
        <section className="card" aria-labelledby="steps-heading">
          <h2 id="steps-heading">{texts.job.steps}</h2>
          <ImportStepper job={job} labels={labels} />
        </section>
      </div>
      <IssuesPanel job={job} detail={detail} />
    </div>
  );
}
