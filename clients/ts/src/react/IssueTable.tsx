import { memo, useEffect, useRef } from "react";
import type { Issue } from "../index.js";
import { defaultLabels, type Labels } from "./labels.js";
import { type IssuePages, type UseIssuesOptions, useIssues } from "./useIssues.js";
import { useNearby } from "./useNearby.js";

/** The properties of an IssueTable. */
export interface IssueTableProps extends UseIssuesOptions {
  labels?: Labels | undefined;
  className?: string | undefined;
  /** Called when a page has loaded, with the number of matching issues and the number of all issues. */
  onCount?: ((counts: { matching: number; found: number }) => void) | undefined;
}

/**
 * An import's issues as a table. It loads further pages while the user scrolls, and renders only rows near the visible
 * ones.
 */
export function IssueTable({ labels = defaultLabels, className = "", onCount, ...options }: IssueTableProps) {
  const issues = useIssues(options);
  const { matching, found, loading } = issues;
  const told = useRef(onCount);
  useEffect(() => {
    told.current = onCount;
  });
  useEffect(() => {
    if (!loading) told.current?.({ matching, found });
  }, [matching, found, loading]);

  const texts = labels.issueTable;
  return (
    <div className={`headway-issues ${className}`}>
      <div role="table" aria-label={texts.caption} aria-rowcount={matching + 1} aria-busy={loading}>
        <div role="rowgroup" className="headway-issues-head">
          <div role="row" className="headway-issue">
            <span role="columnheader">{texts.cell}</span>
            <span role="columnheader">{texts.column}</span>
            <span role="columnheader">{texts.value}</span>
            <span role="columnheader">{texts.problem}</span>
          </div>
        </div>
        {issues.pages.map((page, index) => (
          <IssuePage
            key={`${index}:${page[0]?.cell}`}
            page={page}
            first={pageStart(issues.pages, index)}
            labels={labels}
          />
        ))}
      </div>
      <Foot issues={issues} labels={labels} />
    </div>
  );
}

const pageStart = (pages: IssuePages["pages"], index: number) =>
  pages.slice(0, index).reduce((sum, page) => sum + page.length, 2);

/** The number of rows that are rendered or removed together. */
const groupSize = 50;

const IssuePage = memo(function IssuePage({ page, first, labels }: RowsProps) {
  return Array.from({ length: Math.ceil(page.length / groupSize) }, (_, index) => (
    <IssueGroup
      key={index}
      page={page.slice(index * groupSize, (index + 1) * groupSize)}
      first={first + index * groupSize}
      labels={labels}
    />
  ));
});

interface RowsProps {
  page: readonly Issue[];
  /** The number of the first row, counting the header. */
  first: number;
  labels: Labels;
}

/**
 * A group of rows. Far outside the visible area it is empty and keeps its height, so thousands of rows cost as much as a
 * few.
 */
function IssueGroup({ page, first, labels }: RowsProps) {
  const { ref, near, height } = useNearby<HTMLDivElement>();
  return (
    <div
      role={near ? "rowgroup" : "presentation"}
      className="headway-issues-page"
      ref={ref}
      style={near ? undefined : { blockSize: height }}
    >
      {near &&
        page.map((issue, index) => (
          <div
            key={index}
            role="row"
            aria-rowindex={first + index}
            className="headway-issue"
            data-severity={issue.severity}
          >
            <code role="cell">{labels.issueCell(issue)}</code>
            <span role="cell">{issue.columnTitle || issue.column}</span>
            <span role="cell" className="headway-issue-value">
              {issue.value}
            </span>
            <span role="cell">
              <span className="headway-issue-code">{labels.issueCodes[issue.code] ?? issue.code}</span>{" "}
              {labels.issueMessage(issue)}
            </span>
          </div>
        ))}
    </div>
  );
}

/** Loads the next page when it comes into view. The button does the same with the mouse or the keyboard. */
function Foot({ issues, labels }: { issues: IssuePages; labels: Labels }) {
  const { loading, more, error, matching, loadMore } = issues;
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!button.current || loading || !more || error || typeof IntersectionObserver === "undefined") return;
    // Farther than in useNearby: the next page loads before the user reaches it.
    const ahead = { rootMargin: "4000px", scrollMargin: "4000px" };
    const watching = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) loadMore();
    }, ahead);
    watching.observe(button.current);
    return () => watching.disconnect();
  }, [loading, more, error, loadMore]);

  const texts = labels.issueTable;
  return (
    <div className="headway-issues-foot">
      {error ? <p role="alert">{texts.failed}</p> : null}
      {!loading && !error && matching === 0 ? <p>{texts.empty}</p> : null}
      {loading && <p>{texts.loading}</p>}
      {more && (
        <button type="button" ref={button} onClick={loadMore}>
          {texts.more}
        </button>
      )}
    </div>
  );
}
