import { useCallback, useEffect, useState } from "react";
import {
  type ConnectionState,
  getJob,
  HeadwayError,
  isTerminal,
  type JobSnapshot,
  listJobs,
  toSnapshot,
  watchJobs,
} from "../index.js";
import { useConnection } from "./HeadwayProvider.js";
import { useLatest } from "./useLatest.js";

/** All jobs of the caller, updated over one stream. */
export interface LiveJobs {
  /** Newest first. */
  jobs: readonly JobSnapshot[];
  /** Whether the first page has loaded. Only then does an empty list mean that there are no jobs. */
  loaded: boolean;
  connection: ConnectionState["phase"];
  error: unknown;
  /** Whether there are older jobs. */
  more: boolean;
  /** Loads the next page of older jobs. */
  loadMore: () => void;
}

/** The minimum time between two renders, however many jobs change. */
const repaintMs = 200;
/** By this time after it opened, a stream has sent all jobs that have not ended. */
const settleMs = 2000;
/** The wait before the first page is read again after a failure. It doubles with each failure, up to the maximum. */
const retryMs = 1000;
const maxRetryMs = 30_000;
/** The longest wait, whatever the server asks for. */
const maxWaitMs = 600_000;

/** Watches all jobs of the caller. Jobs that have ended load a page at a time. */
export function useJobs({ pageSize = 50 }: { pageSize?: number } = {}): LiveJobs {
  const connection = useConnection();
  const [state, setState] = useState<Omit<LiveJobs, "loadMore">>({
    jobs: [],
    loaded: false,
    connection: "connecting",
    error: undefined,
    more: false,
  });
  const [loadMore, setLoadMore] = useState<() => void>(() => () => {});
  const size = useLatest(pageSize);

  useEffect(() => {
    const closing = new AbortController();
    const { signal } = closing;
    const known = new Map<string, JobSnapshot>();
    let pageToken: string | undefined = "";
    /** The jobs that the stream has sent since it opened; undefined while it is not open. */
    let sent: Set<string> | undefined;
    let loaded = false;
    let failures = 0;
    let repaint: ReturnType<typeof setTimeout> | undefined;
    let settle: ReturnType<typeof setTimeout> | undefined;
    let retry: ReturnType<typeof setTimeout> | undefined;

    const show = (part: Partial<LiveJobs> = {}) => {
      if (signal.aborted) return;
      clearTimeout(repaint);
      repaint = undefined;
      // IDs are UUIDv7: their order is the order of creation.
      const jobs = [...known.values()].sort((a, b) => (a.jobId < b.jobId ? 1 : -1));
      setState((before) => ({ ...before, jobs, ...part }));
    };
    const take = (snapshot: JobSnapshot) => {
      if (snapshot.revision >= (known.get(snapshot.jobId)?.revision ?? 0)) known.set(snapshot.jobId, snapshot);
    };
    const loadPage = async () => {
      if (pageToken === undefined) return;
      const asked = pageToken;
      pageToken = undefined;
      try {
        const page = await listJobs({ ...connection, signal, pageSize: size.current, pageToken: asked });
        for (const job of page.jobs) take(toSnapshot(job));
        pageToken = page.nextPageToken || undefined;
        if (!loaded && sent) settle ??= setTimeout(reconcile, settleMs);
        loaded = true;
        show({ loaded, error: undefined, more: pageToken !== undefined });
      } catch (error) {
        if (signal.aborted) return;
        pageToken = asked;
        show({ error });
        if (loaded || !(error instanceof HeadwayError && error.temporary)) return;
        const waitMs = Math.max(error.retryAfterMs, Math.min(retryMs * 2 ** failures++, maxRetryMs));
        retry = setTimeout(loadPage, Math.min(waitMs, maxWaitMs));
      }
    };
    /**
     * Reads the jobs that the page shows as unfinished, but that the stream did not begin with: they ended or were deleted
     * before it opened, so the stream might never send them.
     */
    const reconcile = async () => {
      settle = undefined;
      const begun = sent;
      for (const { jobId, status } of [...known.values()]) {
        if (!begun || begun !== sent || signal.aborted) return;
        if (isTerminal(status) || begun.has(jobId)) continue;
        try {
          take(toSnapshot(await getJob({ ...connection, signal, jobId })));
        } catch (error) {
          // After any other failure, the next opening of the stream reads them again.
          if (error instanceof HeadwayError && error.status === 404) known.delete(jobId);
        }
        show();
      }
    };

    // Watch first, then read: reconcile covers what changes before the stream opens.
    watchJobs({
      ...connection,
      signal,
      onUpdate: (snapshot) => {
        sent?.add(snapshot.jobId);
        // The watch has compared it with earlier snapshots. It can be older, if the server was restored from a backup.
        known.set(snapshot.jobId, snapshot);
        repaint ??= setTimeout(show, repaintMs);
      },
      onDeleted: (jobId) => {
        known.delete(jobId);
        show();
      },
      onConnection: ({ phase, error }) => {
        clearTimeout(settle);
        sent = phase === "open" ? new Set() : undefined;
        settle = sent && setTimeout(reconcile, settleMs);
        show({ connection: phase, error });
      },
      onError: (error) => show({ error }),
    });
    void loadPage();
    setLoadMore(() => () => void loadPage());
    return () => {
      for (const timer of [repaint, settle, retry]) clearTimeout(timer);
      closing.abort();
    };
  }, [connection, size]);

  return { ...state, loadMore: useCallback(() => loadMore(), [loadMore]) };
}
