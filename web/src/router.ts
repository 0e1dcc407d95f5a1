import { useSyncExternalStore } from "react";

/** A place on the page. Each has an address of its own, so that a reload or a shared link comes back to it. */
export type Route =
  | { view: "start" }
  | { view: "jobs" }
  | { view: "import"; importId: string }
  | { view: "job"; kind: string; jobId: string };

/** The addresses live in the fragment: the page then works under any path, and the server need not know them. */
export const hrefs = {
  start: "#/",
  jobs: "#/jobs",
  import: (importId: string) => `#/imports/${encodeURIComponent(importId)}`,
  job: (kind: string, jobId: string) =>
    kind === "import" ? hrefs.import(jobId) : `#/jobs/${encodeURIComponent(kind)}/${encodeURIComponent(jobId)}`,
};

export function parseRoute(fragment: string): Route {
  const [first, second, third] = fragment
    .replace(/^#?\/?/, "")
    .split("/")
    .map(decode);
  if (first === "imports" && second) return { view: "import", importId: second };
  if (first === "jobs" && second && third) return { view: "job", kind: second, jobId: third };
  if (first === "jobs") return { view: "jobs" };
  return { view: "start" };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}

const currentFragment = () => window.location.hash;

export const useRoute = (): Route => parseRoute(useSyncExternalStore(subscribe, currentFragment));

export function navigate(href: string): void {
  window.location.hash = href;
}
