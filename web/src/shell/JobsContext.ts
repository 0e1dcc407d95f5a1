import type { LiveJobs } from "@headway/client/react";
import { createContext, useContext } from "react";

/** The user's jobs, from the one stream that the whole page shares. */
export const JobsContext = createContext<LiveJobs>({
  jobs: [],
  loaded: false,
  connection: "connecting",
  error: undefined,
  more: false,
  loadMore: () => {},
});

export const useOwnJobs = (): LiveJobs => useContext(JobsContext);
