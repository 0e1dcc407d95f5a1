import type { JobSnapshot } from "@headway/client";
import { labels, texts } from "../ui/texts.js";

/** What a screen reader should hear of a job: its status and its step, not every tick. */
export function announcement(job: JobSnapshot | undefined, title: string): string {
  if (!job) return "";
  if (job.status !== "active") return texts.job.announce(title, labels.status[job.status]);
  const step = job.steps?.find((each) => each.name === job.step);
  return step ? texts.job.announceStep(step.title || step.name) : texts.job.announce(title, labels.status.active);
}
