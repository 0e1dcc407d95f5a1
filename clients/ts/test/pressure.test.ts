import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { readOutput } from "../src/index.js";
import { shareStreams } from "../src/shared/index.js";
import { stubBrowser } from "./browser.js";
import { event, type ScriptedServer, startScriptedServer } from "./scripted-server.js";

const piece = "x".repeat(256 * 1024);
const total = 80 * piece.length;
/** More than the client and the kernel hold. */
const much = 56 * piece.length;

let server: ScriptedServer;
/** The number of bytes that the server has sent at most. */
let sent = 0;

/** Starts a server that sends an output from the last event on, as fast as its client reads. */
async function startOutput() {
  sent = 0;
  server = await startScriptedServer(async (request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write('retry: 10\ndata: {"type":"connected","user":"ann","keepaliveSeconds":15}\n\n');
    let offset = Number(request.headers["last-event-id"] ?? 0);
    while (offset < total && !response.destroyed) {
      const message = { type: "output", jobId: "j1", offset, text: piece };
      offset += piece.length;
      const room = response.write(`id: ${offset}\ndata: ${JSON.stringify(message)}\n\n`);
      sent = Math.max(sent, offset);
      if (!room) {
        const waiting = new AbortController();
        const { signal } = waiting;
        await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
        waiting.abort();
      }
    }
    response.end(event(9, { status: "completed" }));
  });
}

const turns = async (n: number) => {
  for (; n > 0; n--) await new Promise((resolve) => setImmediate(resolve));
};

describe.each(["alone", "worker", "leader"] as const)("a slow loop over an output, %s,", (by) => {
  beforeEach(async () => {
    await startOutput();
    if (by !== "alone") await stubBrowser(server.baseUrl, by === "worker" ? 1 : 0);
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
  });
  afterEach(async () => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
    await server.close();
  });

  test("holds little of it, and misses nothing", async () => {
    const transport = by === "alone" ? undefined : shareStreams({ user: "ann", by: [by] });
    const reader = readOutput({ jobId: "j1", kind: "story", baseUrl: server.baseUrl, transport });
    let end = 0;
    for await (const { offset, bytes } of reader) {
      expect(offset).toBe(end);
      if (end === 0) {
        // The loop is busy with the first chunk, for longer than any silence on a connection.
        await vi.waitUntil(() => sent > 4 * 1024 * 1024, { timeout: 20_000 });
        await turns(1000);
        if (by === "alone") vi.advanceTimersByTime(3_600_000);
        await turns(100);
        expect(sent).toBeLessThan(much);
      }
      end += bytes.length;
    }
    expect(end).toBe(total);
    expect(await reader.done).toBe(total);
    if (by === "alone") expect(server.received.length).toBe(1);
  });
});
