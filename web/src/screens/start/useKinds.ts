import { type KindDescription, listKinds } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useEffect, useState } from "react";

const pollMs = 5000;

/** Returns the descriptions of the kinds of jobs that workers can run. It polls while the page is visible. */
export function useKinds(): readonly KindDescription[] {
  const connection = useConnection();
  const [kinds, setKinds] = useState<readonly KindDescription[]>([]);
  useEffect(() => {
    const closing = new AbortController();
    const { signal } = closing;
    const look = () => {
      if (document.visibilityState === "hidden") return;
      // Without a response, the page keeps the kinds that it has. Other parts report that the server is unavailable.
      listKinds({ ...connection, signal }).then(
        ({ descriptions }) =>
          setKinds((before) => (JSON.stringify(before) === JSON.stringify(descriptions) ? before : descriptions)),
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
