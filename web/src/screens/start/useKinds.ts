import { listKinds } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useEffect, useState } from "react";

const pollMs = 5000;

/** Returns the kinds of jobs that workers can run. It polls while the page is visible. */
export function useKinds(): readonly string[] {
  const connection = useConnection();
  const [kinds, setKinds] = useState<readonly string[]>([]);
  useEffect(() => {
    const closing = new AbortController();
    const { signal } = closing;
    const look = () => {
      if (document.visibilityState === "hidden") return;
      // Without an answer the page offers what it knew. Other parts report that the server is unavailable.
      listKinds({ ...connection, signal }).then(
        (found) => setKinds((before) => (before.join() === found.join() ? before : found)),
        () => {},
      );
    };
    look();
    const timer = setInterval(look, pollMs);
    document.addEventListener("visibilitychange", look, { signal });
    return () => {
      clearInterval(timer);
      closing.abort();
    };
  }, [connection]);
  return kinds;
}
