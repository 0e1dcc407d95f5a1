import { createSseParser } from "@headway/client";
import { base } from "../ui/base.js";

/** How the path between this browser and the server treats streams: it lets them pass, buffers them, or cuts them. */
export type StreamPath = "clear" | "buffered" | "cut";

interface ProbeMessage {
  type: string;
  n: number;
  of: number;
  sentAt: string;
}

/**
 * Requests a few messages that the server sends at a steady pace (GET /api/v1/sse/probe, two seconds), and checks how they
 * arrive. Messages that arrive in less than a quarter of the time in which they were sent were buffered. It returns
 * undefined if the probe failed: the server is unavailable or busy, and the path is unknown.
 */
export async function probeStreams(signal: AbortSignal): Promise<StreamPath | undefined> {
  const arrivals: { sent: number; arrived: number; message: ProbeMessage }[] = [];
  const parse = createSseParser({
    event({ data }) {
      const message = JSON.parse(data) as ProbeMessage;
      if (message.type === "probe")
        arrivals.push({ sent: Date.parse(message.sentAt), arrived: performance.now(), message });
    },
  });
  try {
    const response = await fetch(`${base}/api/v1/sse/probe`, {
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
      signal,
    });
    const reader = response.ok ? response.body?.getReader() : undefined;
    if (!reader) return undefined;
    for (;;) {
      // A read that fails is a stream that was cut.
      const chunk = await reader.read().catch(() => undefined);
      if (!chunk || chunk.done) break;
      parse(chunk.value);
    }
  } catch {
    return undefined;
  }
  const first = arrivals[0];
  const last = arrivals.at(-1);
  if (signal.aborted || !first || !last) return undefined;
  if (last.message.n < last.message.of) return "cut";
  return last.arrived - first.arrived < (last.sent - first.sent) / 4 ? "buffered" : "clear";
}
