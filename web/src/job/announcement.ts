import type { JobSnapshot } from "@headway/client";
import { t } from "../messages/index.js";
import { labels } from "../messages/labels.js";

/** Returns the text that screen readers announce for a job: its status and its step, not every update. */
export function announcement(job: JobSnapshot | undefined, title: string): string {
  if (!job) return "";
  if (job.status !== "active") return t("job.announce", { title, status: labels().status[job.status] });
  const step = job.steps?.find((each) => each.name === job.step);
  return step
    ? t("job.announceStep", { step: step.title || step.name })
    : t("job.announce", { title, status: labels().status.active });
}
