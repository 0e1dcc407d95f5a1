import { useSyncExternalStore } from "react";

/** A place on the page. Each has an address of its own, so that a reload or a shared link comes back to it. */
export type Route =
  | { view: "start" }
  | { view: "jobs" }
  | { view: "import"; importId: string }
  | { view: "job"; kind: string; jobId: string };

export const hrefs = {
  start: "/",
  jobs: "/jobs",
  import: (importId: string) => `/imports/${encodeURIComponent(importId)}`,
  job: (kind: string, jobId: string) =>
    kind === "import" ? hrefs.import(jobId) : `/jobs/${encodeURIComponent(kind)}/${encodeURIComponent(jobId)}`,
};

/** Reads a path; undefined if it is none of the page's. */
export function parseRoute(path: string): Route | undefined {
  const [first, second, third, ...rest] = path.split("/").filter(Boolean).map(decode);
  if (rest.length > 0) return undefined;
  if (first === undefined) return { view: "start" };
  if (first === "imports" && second && !third) return { view: "import", importId: second };
  if (first !== "jobs") return undefined;
  if (second === undefined) return { view: "jobs" };
  if (third === undefined) return undefined;
  return second === "import" ? { view: "import", importId: third } : { view: "job", kind: second, jobId: third };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

const moved = "headway:moved";

function subscribe(changed: () => void): () => void {
  const onClick = (event: MouseEvent) => follow(event);
  window.addEventListener("popstate", changed);
  window.addEventListener(moved, changed);
  document.addEventListener("click", onClick);
  return () => {
    window.removeEventListener("popstate", changed);
    window.removeEventListener(moved, changed);
    document.removeEventListener("click", onClick);
  };
}

/** A plain click on a link to a place of the page goes there without loading the page anew. */
function follow(event: MouseEvent): void {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !plain || event.defaultPrevented || link.target || link.hash || link.hasAttribute("download")) return;
  if (link.origin !== window.location.origin || !parseRoute(link.pathname)) return;
  event.preventDefault();
  navigate(link.pathname);
}

export function navigate(path: string): void {
  if (path !== window.location.pathname) window.history.pushState(null, "", path);
  window.dispatchEvent(new Event(moved));
}

const currentPath = () => window.location.pathname;

/** The place that the address names; undefined if it names none. */
export const useRoute = (): Route | undefined => parseRoute(useSyncExternalStore(subscribe, currentPath));
