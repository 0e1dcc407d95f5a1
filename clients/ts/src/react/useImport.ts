import { type JobSnapshot, watchImport } from "../index.js";
import { type LiveJob, useWatch } from "./useWatch.js";

/** Watches one import. Its snapshots have `import`, with sheets, counters, root causes, and the latest issues. */
export function useImport(importId: string | undefined, onComplete?: (job: JobSnapshot) => void): LiveJob {
  return useWatch(importId, (options) => watchImport({ ...options, importId: importId ?? "" }), onComplete);
}
