import { createSseParser } from "@headway/client";

/** What stands between this browser and the server does with streams: lets them pass, holds them back, or cuts them. */
export type StreamPath = "clear" | "held" | "cut";

interface ProbeMessage {
  type: string;
  n: number;
  of: number;
  sentAt: string;
}

/**
 * Has the server send a few messages at a steady pace (GET /api/v1/sse/probe, two seconds) and looks at how they come.
 * Messages that left over a second or more and came in a quarter of that were gathered on the way. Undefined if the
 * probe did not come about: then the server is away, or busy, and the way to it says nothing.
 */
export async function probeStreams(signal: AbortSignal): Promise<StreamPath | undefined> {
  const arrivals: { sent: number; came: number; message: ProbeMessage }[] = [];
  const parse = createSseParser({
    event({ data }) {
      const message = JSON.parse(data) as ProbeMessage;
      if (message.type === "probe")
        arrivals.push({ sent: Date.parse(message.sentAt), came: performance.now(), message });
    },
  });
  try {
    const response = await fetch("/api/v1/sse/probe", {
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
      signal,
    });
    const reader = response.ok ? response.body?.getReader() : undefined;
    if (!reader) return undefined;
    for (;;) {
      // A stream that breaks off is what this looks for.
      const piece = await reader.read().catch(() => undefined);
      if (!piece || piece.done) break;
      parse(piece.value);
    }
  } catch {
    return undefined;
  }
  const first = arrivals[0];
  const last = arrivals.at(-1);
  if (signal.aborted || !first || !last) return undefined;
  if (last.message.n < last.message.of) return "cut";
  return last.came - first.came < (last.sent - first.sent) / 4 ? "held" : "clear";
}
