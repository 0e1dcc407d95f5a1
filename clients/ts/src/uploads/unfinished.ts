/** The user's uploads in this browser that have not finished. */
import { type CallOptions, send } from "../rest/connection.js";
import { forget, listRemembered, type RememberedUpload, rememberedChange } from "./memory.js";

/** An upload that was interrupted, or that runs in a tab of this browser. */
export interface UnfinishedUpload extends RememberedUpload {
  /** Whether it runs in a tab. Without locks, the browser can't know this, and it is false. */
  running: boolean;
}

/** The user and the server of uploads. */
export type UnfinishedOptions = CallOptions & { user: string };

/** Returns the user's uploads in this browser that have not finished. To resume an interrupted one, upload the same file. */
export async function unfinishedUploads({ user, baseUrl }: UnfinishedOptions): Promise<UnfinishedUpload[]> {
  const held = await heldLocks();
  return listRemembered(user, baseUrl).map((upload) => ({ ...upload, running: held.includes(upload.key) }));
}

/**
 * Calls `onChange` with the user's unfinished uploads, immediately and whenever another tab starts one, finishes it, or
 * closes. It returns a function that stops the calls.
 */
export function watchUnfinished(
  options: UnfinishedOptions,
  onChange: (uploads: UnfinishedUpload[]) => void,
): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  const awaited = new Set<string>();
  let looks = 0;
  const look = async () => {
    const own = ++looks;
    const uploads = await unfinishedUploads(options);
    if (signal.aborted || own !== looks) return;
    onChange(uploads);
    for (const { key, running } of uploads) {
      if (!running || awaited.has(key)) continue;
      awaited.add(key);
      // The lock is free when the tab has closed, or has finished the upload.
      const free = navigator.locks.request(key, { signal, mode: "shared" }, async () => {
        awaited.delete(key);
      });
      free.then(look, () => {});
    }
  };
  globalThis.addEventListener?.(
    "storage",
    (event) => {
      if (rememberedChange(event as StorageEvent)) void look();
    },
    { signal },
  );
  void look();
  return () => ending.abort();
}

/** Deletes an interrupted upload. */
export async function discardUpload(options: CallOptions, { key, address }: RememberedUpload): Promise<void> {
  forget(undefined, key);
  await removeUpload(options, address);
}

/** Deletes an upload on the server (tus: Termination). If that fails, it expires by itself. */
export async function removeUpload({ signal: _, ...options }: CallOptions, address: string): Promise<void> {
  const headers = { "Tus-Resumable": "1.0.0" };
  await send(options, address, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}

/** Returns the names of the locks that uploads hold in this browser. Tabs that wait for them share a lock for a moment. */
async function heldLocks(): Promise<(string | undefined)[]> {
  try {
    const { held = [] } = await navigator.locks.query();
    return held.flatMap(({ name, mode }) => (mode === "exclusive" ? [name] : []));
  } catch {
    // Old browsers and insecure pages have no locks, and sandboxed frames refuse them.
    return [];
  }
}
