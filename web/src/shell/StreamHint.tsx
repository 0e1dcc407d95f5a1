import type { ConnectionState } from "@headway/client";
import { useEffect, useRef, useState } from "react";
import { texts } from "../ui/texts.js";
import { probeStreams, type StreamPath } from "./probe.js";

/** A stream that has not opened by then is worth a look at the way to the server. */
const patienceMs = 4000;
/** So are this many losses within a minute. */
const manyLosses = 3;

/**
 * Says so when something between the browser and the server holds live updates back or cuts them: the page would only
 * look slow, and nobody would know why. It asks the server for a probe when the page's stream behaves oddly, and is
 * silent when the server itself is away.
 */
export function StreamHint({ phase }: { phase: ConnectionState["phase"] }) {
  const [path, setPath] = useState<StreamPath>("clear");
  const losses = useRef<number[]>([]);

  useEffect(() => {
    if (phase === "open" || phase === "closed") return;
    const now = performance.now();
    if (phase === "retrying") losses.current = [...losses.current, now].filter((at) => now - at < 60_000);
    const often = losses.current.length >= manyLosses;
    const closing = new AbortController();
    const timer = setTimeout(
      async () => {
        const found = await probeStreams(closing.signal);
        if (closing.signal.aborted || !found) return;
        // The probe is short: a way that it gets through may still cut what lasts longer.
        setPath(found === "clear" && often ? "cut" : found);
      },
      often ? 0 : patienceMs,
    );
    return () => {
      clearTimeout(timer);
      // A probe under way goes on when the stream has come back meanwhile: what cuts streams lets them begin.
      if (!often) closing.abort();
    };
  }, [phase]);

  return (
    <div className="stream-hint" role="status">
      {path !== "clear" && (
        <p>
          <strong>{texts.streams[path].heading}</strong> {texts.streams[path].lead}{" "}
          <button type="button" className="button quiet small" onClick={() => setPath("clear")}>
            {texts.streams.dismiss}
          </button>
        </p>
      )}
    </div>
  );
}
