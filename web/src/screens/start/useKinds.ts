import { listKinds } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useEffect, useState } from "react";

const lookEveryMs = 5000;

/** The kinds of jobs that workers are there for; looks again now and then while the page is in sight. */
export function useKinds(): readonly string[] {
  const connection = useConnection();
  const [kinds, setKinds] = useState<readonly string[]>([]);
  useEffect(() => {
    const closing = new AbortController();
    const { signal } = closing;
    const look = () => {
      if (document.visibilityState === "hidden") return;
      // Whoever cannot say offers nothing; the page has other ways to tell that the server is away.
      listKinds({ ...connection, signal }).then(
        (found) => setKinds((before) => (before.join() === found.join() ? before : found)),
        () => {},
      );
    };
    look();
    const timer = setInterval(look, lookEveryMs);
    document.addEventListener("visibilitychange", look, { signal });
    return () => {
      clearInterval(timer);
      closing.abort();
    };
  }, [connection]);
  return kinds;
}
