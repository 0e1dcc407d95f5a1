import type { JobSnapshot } from "@headway/client";
import { labels } from "../ui/texts.js";
import { texts } from "./texts.js";

/** Returns the text that screen readers announce for a job: its status and its step, not every update. */
export function announcement(job: JobSnapshot | undefined, title: string): string {
  if (!job) return "";
  if (job.status !== "active") return texts.announce(title, labels.status[job.status]);
  const step = job.steps?.find((each) => each.name === job.step);
  return step ? texts.announceStep(step.title || step.name) : texts.announce(title, labels.status.active);
}
