import { memo } from "react";
import type { Counts, JobSnapshot, Step } from "../index.js";
import { Fill } from "./Fill.js";
import { defaultLabels, type Labels } from "./labels.js";

/** The properties of an ImportStepper. */
export interface ImportStepperProps {
  /** The import's snapshot, as `useImport` returns it. The steps of other jobs work as well. */
  job: Pick<JobSnapshot, "steps" | "import" | "status">;
  labels?: Labels | undefined;
  className?: string | undefined;
}

/** The steps of an import in order, each with its state, bar, and counters. */
export function ImportStepper({ job, labels = defaultLabels, className = "" }: ImportStepperProps) {
  const sheets = new Map(job.import?.sheets?.map((sheet) => [sheet.name, sheet.counts]));
  return (
    <ol className={`headway-steps ${className}`} aria-label={labels.steps}>
      {job.steps?.map((step) => (
        <StepLine key={step.name} step={step} counts={sheets.get(step.name)} labels={labels} />
      ))}
    </ol>
  );
}

interface StepLineProps {
  step: Step;
  counts: Counts | undefined;
  labels: Labels;
}

const StepLine = memo(function StepLine({ step, counts, labels }: StepLineProps) {
  const state = step.state === "unspecified" ? "pending" : step.state;
  const title = step.title || step.name;
  const done = state === "completed" || state === "skipped";
  const known = step.total > 0;
  const percent = done ? 100 : known ? Math.min(100, (step.done / step.total) * 100) : 0;
  const unknown = state === "active" && !known;
  const tally: Record<string, number> = counts ? { ...counts } : step.counters;
  const shown = Object.entries(labels.counters).filter(([name]) => (tally[name] ?? 0) > 0);
  return (
    <li
      className="headway-step"
      data-state={state}
      data-step={step.name}
      aria-current={state === "active" ? "step" : undefined}
    >
      <span className="headway-step-mark" aria-hidden="true" />
      <span className="headway-step-title">{title}</span>
      <span className="headway-step-state">{labels.stepState[state]}</span>
      <span className="headway-step-amount">{amount(step, labels)}</span>
      <div
        className="headway-bar"
        role="progressbar"
        aria-label={title}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={unknown ? undefined : Math.floor(percent)}
        data-unknown={unknown || undefined}
      >
        <Fill percent={unknown ? 100 : percent} />
      </div>
      {shown.length > 0 && (
        <ul className="headway-counters">
          {shown.map(([name, label]) => (
            <li key={name} data-counter={name}>
              <b>{format(tally[name] ?? 0, labels)}</b> {label}
            </li>
          ))}
        </ul>
      )}
    </li>
  );
}, sameStep);

/** Every snapshot has new objects, but a step renders again only if something in it has changed. */
function sameStep(a: StepLineProps, b: StepLineProps): boolean {
  return a.labels === b.labels && JSON.stringify([a.step, a.counts]) === JSON.stringify([b.step, b.counts]);
}

function amount(step: Step, labels: Labels): string {
  if (step.state === "pending" || (step.done === 0 && step.total === 0)) return "";
  if (step.unit === "bytes")
    return labels.amount(
      formatBytes(step.done, labels),
      step.total > step.done ? formatBytes(step.total, labels) : undefined,
      "",
      step.totalEstimated,
    );
  return labels.amount(
    format(step.done, labels),
    step.total > step.done ? format(step.total, labels) : undefined,
    labels.units[step.unit] ?? step.unit,
    step.totalEstimated,
  );
}

const format = (value: number, { locale }: Labels) => value.toLocaleString(locale, { maximumFractionDigits: 0 });

/** Sizes as file managers show them: 1 MB is 1,048,576 bytes. */
function formatBytes(bytes: number, { locale }: Labels): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return (bytes / 1024 ** power).toLocaleString(locale, {
    style: "unit",
    unit: units[power],
    unitDisplay: power ? "short" : "long",
    maximumFractionDigits: power > 0 ? 1 : 0,
  });
}
