import { type ImportDetail, type IssueCode, isTerminal, type JobSnapshot, type RootCause } from "@headway/client";
import { IssueTable } from "@headway/client/react";
import { useState } from "react";
import { t } from "../../messages/index.js";
import { labels } from "../../messages/labels.js";
import { causeText, cellText, issueText } from "../../messages/server.js";
import { formatCount } from "../../ui/format.js";
import { Icon } from "../../ui/Icon.js";
import { useDebounced } from "../../ui/useDebounced.js";

const latestShown = 8;
const causesShown = 5;

/** An import's errors: what to fix first, the latest while it runs, and then the whole list with a search. */
export function IssuesPanel({ job, detail }: { job: JobSnapshot; detail: ImportDetail }) {
  const issues = detail.totals?.issues ?? 0;
  const warnings = detail.totals?.warnings ?? 0;
  const paused = isTerminal(job.status) || job.status === "waiting";
  if (issues + warnings === 0) {
    return null;
  }
  return (
    <section className="card issues" aria-labelledby="issues-heading">
      <div className="section-head">
        <h2 id="issues-heading">{t("issues.heading")}</h2>
        <p className="muted">
          {[issues > 0 && t("issues.count", { n: issues }), warnings > 0 && t("issues.warnings", { n: warnings })]
            .filter(Boolean)
            .join(", ")}
        </p>
      </div>
      <RootCauses detail={detail} />
      {paused ? <AllIssues job={job} detail={detail} /> : <LatestIssues detail={detail} />}
    </section>
  );
}

function RootCauses({ detail }: { detail: ImportDetail }) {
  const causes = detail.rootCauses ?? [];
  if (causes.length === 0) return null;
  const max = Math.max(...causes.map((cause) => cause.blockedRows), 1);
  const rest = causes.slice(causesShown);
  return (
    <div className="causes">
      <h3>{t("issues.causes")}</h3>
      <p className="muted fine">{t("issues.causesLead")}</p>
      <CauseList causes={causes.slice(0, causesShown)} max={max} />
      {rest.length > 0 && (
        <details>
          <summary>{t("issues.moreCauses", { n: rest.length })}</summary>
          <CauseList causes={rest} max={max} />
        </details>
      )}
    </div>
  );
}

function CauseList({ causes, max }: { causes: readonly RootCause[]; max: number }) {
  return (
    <ul>
      {causes.map((cause) => (
        <li key={`${cause.issue?.cell}${cause.message}`}>
          <span className="cause-weight" aria-hidden="true">
            <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
              <rect width={Math.max(4, (cause.blockedRows / max) * 100)} height="1" />
            </svg>
          </span>
          <span className="cause-words">
            <strong>{causeText(cause)}</strong>
            {cause.issue && (
              <span className="muted">
                <code>{cellText(cause.issue)}</code> {issueText(cause.issue)}
              </span>
            )}
          </span>
          <span className="cause-rows">{t("issues.waiting", { n: cause.blockedRows })}</span>
        </li>
      ))}
    </ul>
  );
}

function LatestIssues({ detail }: { detail: ImportDetail }) {
  const latest = detail.newestIssues?.slice(0, latestShown) ?? [];
  return (
    <div className="latest">
      <h3>{t("issues.latest")}</h3>
      <p className="muted fine">{t("issues.latestLead")}</p>
      <ul>
        {latest.map((issue) => (
          <li key={`${issue.cell}${issue.code}`} data-severity={issue.severity}>
            <code>{cellText(issue)}</code>
            <span>
              <span className="headway-issue-code">{labels().issueCodes[issue.code] ?? issue.code}</span>{" "}
              {issueText(issue)}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}

function AllIssues({ job, detail }: { job: JobSnapshot; detail: ImportDetail }) {
  const [search, setSearch] = useState("");
  const [sheet, setSheet] = useState("");
  const [code, setCode] = useState("");
  const [counts, setCounts] = useState<{ matching: number; found: number }>();
  const wanted = useDebounced(search.trim(), 250);
  const unfiltered = !wanted && !sheet && !code;
  return (
    <div className="all-issues">
      <search className="filters">
        <label className="field search">
          <span>{t("issues.search")}</span>
          <Icon name="search" />
          <input
            type="search"
            value={search}
            placeholder={t("issues.searchHint")}
            onChange={(event) => setSearch(event.target.value)}
          />
        </label>
        <label className="field">
          <span>{t("issues.sheet")}</span>
          <select value={sheet} onChange={(event) => setSheet(event.target.value)}>
            <option value="">{t("issues.any")}</option>
            {detail.sheets?.map((each) => (
              <option key={each.name} value={each.name}>
                {each.title}
              </option>
            ))}
          </select>
        </label>
        <label className="field">
          <span>{t("issues.code")}</span>
          <select value={code} onChange={(event) => setCode(event.target.value)}>
            <option value="">{t("issues.any")}</option>
            {(Object.keys(labels().issueCodes) as IssueCode[]).map((each) => (
              <option key={each} value={each}>
                {labels().issueCodes[each]}
              </option>
            ))}
          </select>
        </label>
        <p className="muted fine matching" role="status">
          {counts && !unfiltered && `${formatCount(counts.matching)} / ${formatCount(counts.found)}`}
          {counts &&
            unfiltered &&
            counts.matching < counts.found &&
            t("issues.kept", { kept: counts.matching, found: counts.found })}
        </p>
      </search>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable with the keyboard */}
      <section className="issues-scroll" aria-label={t("issues.list")} tabIndex={0}>
        <IssueTable
          importId={job.jobId}
          search={wanted || undefined}
          sheet={sheet || undefined}
          code={(code || undefined) as IssueCode | undefined}
          version={job.revision}
          labels={labels()}
          onCount={setCounts}
        />
      </section>
    </div>
  );
}
