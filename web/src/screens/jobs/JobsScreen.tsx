import { isTerminal, type JobSnapshot } from "@headway/client";
import { useMemo, useState } from "react";
import { ConnectionNotice } from "../../job/ConnectionNotice.js";
import { JobRow } from "../../job/JobRow.js";
import { t } from "../../messages/index.js";
import { useOwnJobs } from "../../shell/JobsContext.js";
import { hrefs } from "../../shell/router.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { Segments } from "../../ui/Segments.js";
import { useNow } from "../../ui/useNow.js";
import { usePageTitle } from "../../ui/usePageTitle.js";

const filters = {
  all: (_: JobSnapshot) => true,
  live: (job: JobSnapshot) => !isTerminal(job.status) && job.status !== "waiting",
  waiting: (job: JobSnapshot) => job.status === "waiting",
  completed: (job: JobSnapshot) => job.status === "completed",
  ended: (job: JobSnapshot) => job.status === "failed" || job.status === "cancelled",
};
const names = Object.keys(filters) as (keyof typeof filters)[];

/** All jobs of the user, of every kind, updated live. */
export function JobsScreen() {
  const { jobs, loaded, more, loadMore, connection, error } = useOwnJobs();
  const [filter, setFilter] = useState<keyof typeof filters>("all");
  const minute = Math.floor(useNow(true) / 60_000);
  const shown = useMemo(() => jobs.filter(filters[filter]), [jobs, filter]);
  usePageTitle(t("jobs.heading"));

  return (
    <div className="jobs">
      <div className="section-head">
        <div>
          <h1>{t("jobs.heading")}</h1>
          <p className="muted">{t("jobs.lead")}</p>
        </div>
        <Segments
          legend={t("jobs.filter")}
          hideLegend
          choices={names}
          text={(name) => t(`jobs.filters.${name}`)}
          value={filter}
          onChange={setFilter}
        />
      </div>
      <ConnectionNotice phase={connection} />
      {error && (connection === "closed" || !loaded) ? <ErrorNote error={error} /> : null}
      {!loaded && jobs.length === 0 ? <Waiting /> : null}
      {loaded && jobs.length === 0 ? (
        <div className="card empty">
          <h2>{t("jobs.empty")}</h2>
          <p className="muted">{t("jobs.emptyLead")}</p>
          <a className="button primary" href={hrefs.start}>
            {t("jobs.choose")}
          </a>
        </div>
      ) : null}
      {jobs.length > 0 && shown.length === 0 && <p className="card empty muted">{t("jobs.noneMatch")}</p>}
      {shown.length > 0 && (
        <ul className="job-list card">
          {shown.map((job) => (
            <JobRow key={job.jobId} job={job} href={hrefs.job(job.kind, job.jobId)} minute={minute} />
          ))}
        </ul>
      )}
      {more && (
        <div className="actions center">
          <button className="button" type="button" onClick={loadMore}>
            {t("jobs.more")}
          </button>
        </div>
      )}
    </div>
  );
}

function Waiting() {
  return (
    <div className="card skeleton" role="status">
      <span className="visually-hidden">{t("job.loading")}</span>
      <i />
      <i />
      <i />
    </div>
  );
}
