import { useCallback, useEffect, useRef, useState } from "react";
import { type Issue, type IssueFilter, listIssues } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";

/** An import's issues, loaded a page at a time. */
export interface IssuePages {
  /** The pages loaded so far. */
  pages: readonly (readonly Issue[])[];
  /** The total number of stored issues that match. */
  matching: number;
  /** The total number of issues. */
  found: number;
  loading: boolean;
  error: unknown;
  more: boolean;
  loadMore: () => void;
}

/** Selects the issues to load. */
export interface UseIssuesOptions extends IssueFilter {
  importId: string;
  pageSize?: number | undefined;
  /** Any value, for example the import's status. When it changes, all pages are loaded again. */
  version?: string | number | undefined;
}

const nothing: Omit<State, "importId"> = {
  pages: [],
  matching: 0,
  found: 0,
  loading: true,
  error: undefined,
  token: undefined,
};

interface State extends Omit<IssuePages, "more" | "loadMore"> {
  token: string | undefined;
  /** The import that the pages belong to. */
  importId: string;
}

/** Loads the issues of an import that match a filter. */
export function useIssues(options: UseIssuesOptions): IssuePages {
  const { importId, sheet, code, severity, search, pageSize = 500, version } = options;
  const connection = useConnection();
  const [state, setState] = useState<State>({ ...nothing, importId });
  const load = useRef<(token: string) => void>(() => {});

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version loads all pages again
  useEffect(() => {
    const closing = new AbortController();
    const { signal } = closing;
    load.current = (pageToken) => {
      setState((before) => ({
        ...(before.importId === importId ? before : { ...nothing, importId }),
        loading: true,
        error: undefined,
        token: undefined,
      }));
      listIssues({ ...connection, importId, sheet, code, severity, search, pageSize, pageToken, signal }).then(
        ({ issues, matching, found, nextPageToken }) =>
          setState((before) => ({
            pages: pageToken ? [...before.pages, issues] : [issues],
            matching,
            found,
            loading: false,
            error: undefined,
            token: nextPageToken || undefined,
            importId,
          })),
        (error: unknown) => {
          if (!signal.aborted) setState((before) => ({ ...before, loading: false, error, token: pageToken }));
        },
      );
    };
    load.current("");
    return () => closing.abort();
  }, [connection, importId, sheet, code, severity, search, pageSize, version]);

  // Until the effect has run, the state can be that of another import.
  const { token, importId: _, ...rest } = state.importId === importId ? state : { ...nothing, importId };
  const loadMore = useCallback(() => {
    if (token !== undefined) load.current(token);
  }, [token]);
  return { ...rest, more: token !== undefined, loadMore };
}
