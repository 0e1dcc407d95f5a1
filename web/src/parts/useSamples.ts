import type { JobSnapshot } from "@headway/client";
import { useRef } from "react";
import type { Sample } from "./ThroughputPlot.js";

const most = 240;

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
    const moving = job.status === "active" && job.rate !== undefined;
    const next = moving ? [...list, { at: Date.parse(job.timestamp ?? ""), rate: job.rate ?? 0 }] : list;
    samples.current = { jobId: job.jobId, revision: job.revision, list: thin(next) };
  }
  return samples.current.list;
}

/** Halves the samples when there are too many: a long job's plot stays whole, only coarser. */
function thin(list: readonly Sample[]): readonly Sample[] {
  return list.length > most ? list.filter((_, index) => index % 2 === 0 || index === list.length - 1) : list;
}
