import { useSyncExternalStore } from "react";
import { base } from "../ui/base.js";

/** A screen. Each has its own address, so that a reload or a shared link shows it again. */
export type Route =
  | { view: "start" }
  | { view: "jobs" }
  | { view: "import"; importId: string }
  | { view: "job"; kind: string; jobId: string };

export const hrefs = {
  start: `${base}/`,
  jobs: `${base}/jobs`,
  import: (importId: string) => `${base}/imports/${encodeURIComponent(importId)}`,
  job: (kind: string, jobId: string) =>
    kind === "import" ? hrefs.import(jobId) : `${base}/jobs/${encodeURIComponent(kind)}/${encodeURIComponent(jobId)}`,
};

/** Returns the screen of a path, or undefined if there is none. */
export function parseRoute(path: string): Route | undefined {
  if (!`${path}/`.startsWith(`${base}/`)) return undefined;
  const [first, second, third, ...rest] = path.slice(base.length).split("/").filter(Boolean).map(decode);
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

/** Follows a plain click on a link to a screen without reloading the page. */
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

/** Returns the screen of the current address, or undefined if there is none. */
export const currentRoute = (): Route | undefined => parseRoute(currentPath());

/** Returns the screen of the current address, and renders again when it changes. */
export const useRoute = (): Route | undefined => parseRoute(useSyncExternalStore(subscribe, currentPath));
