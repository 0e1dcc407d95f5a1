import type { ReactNode } from "react";
import { Fill } from "./Fill.js";
import { defaultLabels, type Labels } from "./labels.js";
import type { ProgressStreamOptions } from "./progressStream.js";
import { useSSEProgress } from "./useSSEProgress.js";

/** The properties of a ProcessingProgress. */
export interface ProcessingProgressProps extends ProgressStreamOptions {
  /** The progress stream, whose first request starts the work. */
  endpoint: string;
  labels?: Labels | undefined;
  className?: string | undefined;
  /** The text of the button. By default, it comes from the labels. */
  children?: ReactNode;
}

/** A button that starts the work of an endpoint, a progress bar, and the current step. */
export function ProcessingProgress({
  endpoint,
  labels = defaultLabels,
  className = "",
  children,
  ...options
}: ProcessingProgressProps) {
  const { progress, isConnected, start } = useSSEProgress(endpoint, options);
  const percent = Math.min(Math.max(progress?.progress ?? 0, 0), 100);
  const texts = [progress?.step, progress?.message].filter(Boolean);
  const status = progress?.status === "error" ? "failed" : progress?.status;
  return (
    <div className={`headway-progress ${className}`} data-status={status}>
      <button type="button" disabled={isConnected} onClick={() => start()}>
        {isConnected ? labels.processing : (children ?? labels.start)}
      </button>
      {progress && (
        <>
          <div
            className="headway-bar"
            role="progressbar"
            aria-label={labels.progress}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.floor(percent)}
          >
            <Fill percent={percent} />
          </div>
          <p className="headway-message" role={progress.status === "error" ? "alert" : "status"}>
            {texts.join(": ")}
          </p>
        </>
      )}
    </div>
  );
}
