import type { JobStatus } from "@headway/client";
import { labels } from "../messages/labels.js";

/** A job's status as a word with a dot of its color. */
export function StatusBadge({ status, text }: { status: JobStatus; text?: string }) {
  return (
    <span className="badge" data-status={status}>
      {text ?? labels().status[status]}
    </span>
  );
}
