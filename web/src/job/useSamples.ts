import type { JobSnapshot } from "@headway/client";
import { useRef } from "react";
import type { Sample } from "./ThroughputPlot.js";

const maxSamples = 240;
const pauseMs = 5000;

/** Collects a job's speed from its snapshots, for the plot. */
export function useSamples(job: JobSnapshot | undefined): readonly Sample[] {
  const samples = useRef<{ jobId: string; revision: number; list: readonly Sample[] }>({
    jobId: "",
    revision: 0,
    list: [],
  });
  const before = samples.current;
  if (job && (job.jobId !== before.jobId || job.revision > before.revision)) {
    const list = job.jobId === before.jobId ? before.list : [];
    samples.current = { jobId: job.jobId, revision: job.revision, list: thin(extend(list, job)) };
  }
  return samples.current.list;
}

/** Adds the job's speed now. After a pause, such as a decision, the plot starts again. */
function extend(list: readonly Sample[], job: JobSnapshot): readonly Sample[] {
  if (job.status !== "active" || job.rate === undefined) return list;
  const at = Date.parse(job.timestamp ?? "");
  const paused = at - (list.at(-1)?.at ?? at) > pauseMs;
  return [...(paused ? [] : list), { at, rate: job.rate }];
}

/** Drops every other sample when there are too many: the plot of a long job is complete, but coarser. */
function thin(list: readonly Sample[]): readonly Sample[] {
  return list.length > maxSamples ? list.filter((_, index) => index % 2 === 0 || index === list.length - 1) : list;
}
