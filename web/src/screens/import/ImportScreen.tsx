import { isTerminal } from "@headway/client";
import { ImportStepper, useImport } from "@headway/client/react";
import { useState } from "react";
import { IssuesPanel } from "../../importer/issues/IssuesPanel.js";
import { ChangeColumns } from "../../importer/mapping/ChangeColumns.js";
import { Changes } from "../../importer/notices/Changes.js";
import { Notices } from "../../importer/notices/Notices.js";
import { ReviewCard } from "../../importer/review/ReviewCard.js";
import { Totals } from "../../importer/Totals.js";
import { ImportNowButton } from "../../importer/verdict/ImportNowButton.js";
import { VerdictCard } from "../../importer/verdict/VerdictCard.js";
import { announcement } from "../../job/announcement.js";
import { ConnectionNotice } from "../../job/ConnectionNotice.js";
import { JobHead } from "../../job/JobHead.js";
import { JobMeter } from "../../job/JobMeter.js";
import { RetryButton } from "../../job/RetryButton.js";
import { Unavailable } from "../../job/Unavailable.js";
import { useSamples } from "../../job/useSamples.js";
import { t } from "../../messages/index.js";
import { labels } from "../../messages/labels.js";
import { inLanguage } from "../../messages/server.js";
import { hrefs, navigate } from "../../shell/router.js";
import { useSession } from "../../shell/session.js";
import { Announcer } from "../../ui/Announcer.js";
import { usePageTitle } from "../../ui/usePageTitle.js";

/** The reasons with which another attempt with the same file and the same columns ends too. */
const endsTheSame = /^(ROWS_REJECTED|SCHEMA_CHANGED|TEXT_FILE|(WORKBOOK|ARCHIVE|HEADER|SHEET)_.*)$/;

/** One import, from the queue to its result. All data comes from the stream, so a reload shows the same state. */
export function ImportScreen({ importId }: { importId: string }) {
  const { job: received, connection, error, deleted, restart } = useImport(importId);
  const home = { href: hrefs.start, text: t("importScreen.back") };
  const job = received && inLanguage(received);
  const samples = useSamples(job);
  const { user } = useSession();
  const [changing, setChanging] = useState(false);
  const title = job?.import?.fileName || job?.title || "";
  const live = job && !isTerminal(job.status);
  usePageTitle(live && job.status === "active" ? `${Math.floor(job.progress)}% · ${title}` : title);

  const detail = job?.import;
  if (!job || !detail || deleted) {
    return (
      <>
        <ConnectionNotice phase={connection} />
        <Unavailable error={error} deleted={deleted} home={home} />
      </>
    );
  }

  const ended = isTerminal(job.status);
  const open = (next: string) => {
    setChanging(false);
    navigate(hrefs.import(next));
  };
  const change = (
    <button className={ended ? "button" : "button large"} type="button" onClick={() => setChanging(true)}>
      {t("importScreen.change")}
    </button>
  );
  const { totals, sheets = [] } = detail;
  const good = totals ? totals.read - totals.rejected - totals.blocked - totals.skipped : 0;
  const again =
    job.status === "completed"
      ? detail.dryRun && { text: t("verdict.importNow"), changes: { dryRun: false } }
      : job.reason === "ROWS_REJECTED" &&
        good > 0 && { text: t("review.commit", { n: good }), changes: { onIssues: "skip_rows" as const } };
  const head = (
    <JobHead
      job={job}
      title={title}
      back={home}
      chips={[
        detail.dryRun && t("importScreen.dryRun"),
        (job.attempt ?? 0) > 1 && t("job.attempt", { n: job.attempt ?? 0 }),
      ]}
    />
  );
  if (changing && (ended || job.status === "waiting")) {
    return (
      <div className="import" data-status={job.status}>
        {head}
        <ChangeColumns
          importId={importId}
          fileName={title}
          user={user}
          onRepeated={open}
          onCancel={() => setChanging(false)}
        />
      </div>
    );
  }
  return (
    <div className="import" data-status={job.status}>
      {head}
      <ConnectionNotice phase={connection} />
      <Announcer text={announcement(job, title)} />
      {job.status === "waiting" && totals && (
        <ReviewCard
          importId={importId}
          revision={job.revision}
          question={job.question}
          sheets={sheets}
          totals={totals}
          change={change}
        />
      )}
      {ended && (
        <VerdictCard
          job={job}
          detail={detail}
          failure={received?.failedReason}
          actions={
            <>
              {again && <ImportNowButton importId={importId} {...again} onImported={open} />}
              <a className={again ? "button" : "button primary"} href={home.href}>
                {home.text}
              </a>
              {change}
              {job.status !== "completed" && !endsTheSame.test(job.reason ?? "") && (
                <RetryButton jobId={importId} onRetried={restart} />
              )}
            </>
          }
        />
      )}
      <Notices detail={detail} />
      <Changes importId={importId} detail={detail} />
      <div className="import-grid">
        <div className="import-side">
          <JobMeter job={job} title={title} samples={samples} />
          {totals && <Totals totals={totals} ended={ended || job.status === "waiting"} />}
        </div>
        <section className="card" aria-labelledby="steps-heading">
          <h2 id="steps-heading">{labels().steps}</h2>
          <ImportStepper job={job} labels={labels()} />
        </section>
      </div>
      <IssuesPanel job={job} detail={detail} />
    </div>
  );
}
