import type { JobSnapshot } from "@headway/client";
import { useRef } from "react";
import type { Sample } from "./ThroughputPlot.js";

const most = 240;
const pauseMs = 5000;

/** Collects a job's speed from its snapshots, for the plot. */
export function useSamples(job: JobSnapshot | undefined): readonly Sample[] {
  const samples = useRef<{ jobId: string; revision: number; list: readonly Sample[] }>({
    jobId: "",
    revision: 0,
    list: [],
  });
  const kept = samples.current;
  if (job && (job.jobId !== kept.jobId || job.revision > kept.revision)) {
    const list = job.jobId === kept.jobId ? kept.list : [];
    samples.current = { jobId: job.jobId, revision: job.revision, list: thin(extend(list, job)) };
  }
  return samples.current.list;
}

/** Adds the job's speed now. After a pause, such as a decision, the plot begins anew. */
function extend(list: readonly Sample[], job: JobSnapshot): readonly Sample[] {
  if (job.status !== "active" || job.rate === undefined) return list;
  const at = Date.parse(job.timestamp ?? "");
  const paused = at - (list.at(-1)?.at ?? at) > pauseMs;
  return [...(paused ? [] : list), { at, rate: job.rate }];
}

/** Halves the samples when there are too many: a long job's plot stays whole, only coarser. */
function thin(list: readonly Sample[]): readonly Sample[] {
  return list.length > most ? list.filter((_, index) => index % 2 === 0 || index === list.length - 1) : list;
}
