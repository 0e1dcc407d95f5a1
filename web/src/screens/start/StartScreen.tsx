import { isTerminal } from "@headway/client";
import { UploadForm } from "../../importer/upload/UploadForm.js";
import { JobRow } from "../../job/JobRow.js";
import { t } from "../../messages/index.js";
import { useOwnJobs } from "../../shell/JobsContext.js";
import { hrefs } from "../../shell/router.js";
import { useSession } from "../../shell/session.js";
import { useNow } from "../../ui/useNow.js";
import { usePageTitle } from "../../ui/usePageTitle.js";
import { OtherJobs } from "./OtherJobs.js";

const recentJobs = 5;

/** The start page: it asks for a file, and offers other jobs and the recent ones below. */
export function StartScreen() {
  const { user, maxUploadBytes } = useSession();
  usePageTitle("");
  return (
    <div className="start">
      <div className="hero">
        <h1>{t("start.heading")}</h1>
        <p className="lead">{t("start.lead")}</p>
      </div>
      <UploadForm user={user} maxBytes={maxUploadBytes} />
      <OtherJobs />
      <RecentJobs />
    </div>
  );
}

function RecentJobs() {
  const { jobs } = useOwnJobs();
  const live = jobs.some((job) => !isTerminal(job.status));
  const minute = Math.floor(useNow(live) / 60_000);
  if (jobs.length === 0) return null;
  return (
    <section className="recent" aria-labelledby="recent-heading">
      <div className="section-head">
        <h2 id="recent-heading">{t("start.recent")}</h2>
        <a href={hrefs.jobs}>{t("start.allJobs")}</a>
      </div>
      <ul className="job-list card">
        {jobs.slice(0, recentJobs).map((job) => (
          <JobRow key={job.jobId} job={job} href={hrefs.job(job.kind, job.jobId)} minute={minute} />
        ))}
      </ul>
    </section>
  );
}
