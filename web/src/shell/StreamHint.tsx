import type { ConnectionState } from "@headway/client";
import { useEffect, useRef, useState } from "react";
import { t } from "../messages/index.js";
import { probeStreams, type StreamPath } from "./probe.js";

/** A stream that has not opened after this time is a reason to probe the path to the server. */
const openWithinMs = 4000;
/** This number of lost connections within a minute is another reason. */
const maxLosses = 3;

/**
 * Reports that something between the browser and the server buffers live updates or cuts them off. Without it, the page
 * would only look slow. It probes the path when the page's stream opens late or breaks often, and shows nothing when the
 * server itself is unavailable.
 */
export function StreamHint({ phase }: { phase: ConnectionState["phase"] }) {
  const [path, setPath] = useState<StreamPath>("clear");
  const losses = useRef<number[]>([]);

  useEffect(() => {
    if (phase === "open" || phase === "closed") return;
    const now = performance.now();
    if (phase === "retrying") losses.current = [...losses.current, now].filter((at) => now - at < 60_000);
    const often = losses.current.length >= maxLosses;
    const closing = new AbortController();
    const timer = setTimeout(
      async () => {
        const found = await probeStreams(closing.signal);
        if (closing.signal.aborted || !found) return;
        // The probe is short: a path that it passes can still cut longer streams.
        setPath(found === "clear" && often ? "cut" : found);
      },
      often ? 0 : openWithinMs,
    );
    return () => {
      clearTimeout(timer);
      // After many lost connections, the probe continues even when the stream is back: a proxy that cuts streams lets
      // them start.
      if (!often) closing.abort();
    };
  }, [phase]);

  return (
    <div className="stream-hint" role="status">
      {path !== "clear" && (
        <p>
          <strong>{t(`shell.streams.${path}.heading`)}</strong> {t(`shell.streams.${path}.lead`)}{" "}
          <button type="button" className="button quiet small" onClick={() => setPath("clear")}>
            {t("shell.streams.dismiss")}
          </button>
        </p>
      )}
    </div>
  );
}
