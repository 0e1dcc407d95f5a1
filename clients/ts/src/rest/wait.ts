/** The wait between two tries. */

/** The longest wait before another try, whatever the server asks for. A timer can hold it. */
const longestMs = 600_000;

/** Returns the milliseconds on a clock that only moves forward. The wall clock can be set. */
export const now = (): number => performance.now();

/**
 * Returns how long to wait before another try, in milliseconds: the first wait doubles with each failure up to half a
 * minute, and is jittered by half, so that many clients don't come back together. It is never less than `leastMs`.
 */
export function backoff(failures: number, firstMs = 1000, leastMs = 0): number {
  const waitMs = Math.min(Math.max(firstMs, 10) * 2 ** Math.max(0, failures), Math.max(30_000, firstMs));
  return Math.min(Math.max(waitMs * (0.5 + Math.random() / 2), leastMs * (1 + Math.random() / 4)), longestMs);
}

/**
 * Calls the listener when connections from before can be dead although nothing reports it: when the browser comes online, and when the
 * page returns from the browser's cache for Back and Forward. The controller's signal removes it.
 */
export function onReturn(listener: () => void, controller: AbortController): void {
  globalThis.addEventListener?.("online", listener, controller);
  const show = (event: Event) => (event as PageTransitionEvent).persisted && listener();
  globalThis.addEventListener?.("pageshow", show, controller);
}

/** Waits, but not longer than until the browser comes online, the page returns, or the signal aborts. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const listening = new AbortController();
    const end = () => {
      clearTimeout(timer);
      listening.abort();
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    if (signal?.aborted) end();
    signal?.addEventListener("abort", end, listening);
    onReturn(end, listening);
  });
}
