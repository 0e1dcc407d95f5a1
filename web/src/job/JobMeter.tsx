import { isTerminal, type JobSnapshot } from "@headway/client";
import { JobProgress } from "@headway/client/react";
import { formatCount, formatDuration } from "../ui/format.js";
import { labels } from "../ui/texts.js";
import { useNow } from "../ui/useNow.js";
import { type Sample, ThroughputPlot } from "./ThroughputPlot.js";
import { texts } from "./texts.js";

/** A job's progress: percentage, bar, speed, and time. */
export function JobMeter({ job, title, samples }: { job: JobSnapshot; title: string; samples: readonly Sample[] }) {
  const ended = isTerminal(job.status);
  const now = useNow(job.status === "active");
  const t = texts;
  const started = job.startedAt ? Date.parse(job.startedAt) : undefined;
  const until = job.completedAt
    ? Date.parse(job.completedAt)
    : job.status === "waiting"
      ? Date.parse(job.timestamp ?? "")
      : now;
  const unit = job.steps?.find((step) => step.name === job.step)?.unit || "rows";
  const active = job.status === "active";
  return (
    <section className="card meter" aria-label={labels.progress}>
      <div className="meter-percent" aria-hidden="true">
        {Math.floor(job.progress)}
        <small>%</small>
      </div>
      <div className="meter-bar">
        <JobProgress
          job={{
            ...job,
            title,
            message: job.status === "queued" ? t.queued(job.kind, job.queuePosition) : ended ? undefined : job.message,
          }}
          labels={labels}
        />
        {job.stalled && <p className="stalled">{t.stalled}</p>}
      </div>
      <dl className="facts">
        <div>
          <dt>{t.elapsed}</dt>
          <dd>{started === undefined ? t.none : formatDuration((until - started) / 1000)}</dd>
        </div>
        {active && (
          <>
            <div>
              <dt>{t.timeLeft}</dt>
              <dd>{job.etaSeconds !== undefined ? t.left(formatDuration(job.etaSeconds)) : t.none}</dd>
            </div>
            <div>
              <dt>{t.rate}</dt>
              <dd>{job.rate ? t.perSecond(formatCount(job.rate), unit) : t.none}</dd>
            </div>
          </>
        )}
      </dl>
      {samples.length > 1 && <ThroughputPlot samples={samples} unit={unit} />}
    </section>
  );
}
