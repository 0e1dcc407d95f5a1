import { useCallback, useEffect, useState } from "react";
import { type ConnectionState, type JobSnapshot, listJobs, toSnapshot, watchJobs } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";
import { useLatest } from "./useLatest.js";

/** All of the caller's jobs, kept up to date over one stream. */
export interface LiveJobs {
  /** Newest first. */
  jobs: readonly JobSnapshot[];
  /** The first page has come: an empty list means that there are no jobs. */
  loaded: boolean;
  connection: ConnectionState["phase"];
  error: unknown;
  /** There are older jobs. */
  more: boolean;
  /** Loads the next page of older jobs. */
  loadMore: () => void;
}

/** Snapshots are shown at most this often, however many jobs change. */
const repaintMs = 200;

/** Watches all of the caller's jobs: those that are under way live, and those that have ended a page at a time. */
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
    let repaint: ReturnType<typeof setTimeout> | undefined;

    const show = (part: Partial<LiveJobs> = {}) => {
      if (signal.aborted) return;
      clearTimeout(repaint);
      repaint = undefined;
      // Ids are UUIDv7: their order is the order of creation.
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
        show({ loaded: true, more: pageToken !== undefined });
      } catch (error) {
        pageToken = asked;
        show({ error });
      }
    };

    // Watch first, then read: no change falls between the two.
    watchJobs({
      ...connection,
      signal,
      onUpdate: (snapshot) => {
        take(snapshot);
        repaint ??= setTimeout(show, repaintMs);
      },
      onDeleted: (jobId) => {
        known.delete(jobId);
        show();
      },
      onConnection: ({ phase, error }) => show({ connection: phase, error }),
      onError: (error) => show({ error }),
    });
    void loadPage();
    setLoadMore(() => () => void loadPage());
    return () => {
      clearTimeout(repaint);
      closing.abort();
    };
  }, [connection, size]);

  return { ...state, loadMore: useCallback(() => loadMore(), [loadMore]) };
}
