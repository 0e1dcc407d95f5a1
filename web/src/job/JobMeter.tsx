import { isTerminal, type JobSnapshot } from "@headway/client";
import { JobProgress } from "@headway/client/react";
import { t } from "../messages/index.js";
import { labels } from "../messages/labels.js";
import { formatCount, formatDuration } from "../ui/format.js";
import { useNow } from "../ui/useNow.js";
import { type Sample, ThroughputPlot } from "./ThroughputPlot.js";

/** A job's progress: percentage, bar, speed, and time. */
export function JobMeter({ job, title, samples }: { job: JobSnapshot; title: string; samples: readonly Sample[] }) {
  const ended = isTerminal(job.status);
  const now = useNow(job.status === "active");
  const started = job.startedAt ? Date.parse(job.startedAt) : undefined;
  const until = job.completedAt
    ? Date.parse(job.completedAt)
    : job.status === "waiting"
      ? Date.parse(job.timestamp ?? "")
      : now;
  const named = job.steps?.find((step) => step.name === job.step)?.unit || "rows";
  const unit = labels().units[named] ?? named;
  const active = job.status === "active";
  return (
    <section className="card meter" aria-label={labels().progress}>
      <div className="meter-percent" aria-hidden="true">
        {Math.floor(job.progress)}
        <small>%</small>
      </div>
      <div className="meter-bar">
        <JobProgress
          job={{
            ...job,
            title,
            message: job.status === "queued" ? queued(job) : ended ? undefined : job.message,
          }}
          labels={labels()}
        />
        {job.stalled && <p className="stalled">{t("job.stalled")}</p>}
      </div>
      <dl className="facts">
        <div>
          <dt>{t("job.elapsed")}</dt>
          <dd>{started === undefined ? t("job.none") : formatDuration((until - started) / 1000)}</dd>
        </div>
        {active && (
          <>
            <div>
              <dt>{t("job.timeLeft")}</dt>
              <dd>
                {job.etaSeconds !== undefined ? t("job.left", { time: formatDuration(job.etaSeconds) }) : t("job.none")}
              </dd>
            </div>
            <div>
              <dt>{t("job.rate")}</dt>
              <dd>{job.rate ? t("job.perSecond", { rate: formatCount(job.rate), unit }) : t("job.none")}</dd>
            </div>
          </>
        )}
      </dl>
      {samples.length > 1 && <ThroughputPlot samples={samples} unit={unit} />}
    </section>
  );
}

/** Describes the position of a job in the queue. */
function queued({ kind, queuePosition }: JobSnapshot): string {
  return queuePosition ? t("job.ahead", { n: queuePosition }) : t("job.next", { kind });
}
