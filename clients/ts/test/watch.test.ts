import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ConnectionState, HeadwayError, type JobSnapshot, watchJob, watchJobs } from "../src/index.js";
import {
  type Answer,
  brokenStream,
  connected,
  event,
  json,
  refusal,
  type ScriptedServer,
  startScriptedServer,
  stream,
} from "./scripted-server.js";

let server: ScriptedServer;
afterEach(() => server.close());

const job = { jobId: "j1", kind: "import" };
const done = { status: "completed", progress: 100, result: { rows: 3 }, completedAt: "2026-01-01T00:00:00Z" };

/** Watches the scripted job to its end, and returns everything that the callbacks received. */
async function watchScript(answers: Answer[], options: Partial<Parameters<typeof watchJob>[0]> = {}) {
  server = await startScriptedServer(...answers);
  const told: JobSnapshot[] = [];
  const phases: string[] = [];
  const completed: JobSnapshot[] = [];
  const watch = watchJob({
    ...job,
    baseUrl: server.baseUrl,
    onUpdate: (snapshot) => told.push(snapshot),
    onComplete: (snapshot) => completed.push(snapshot),
    onConnection: ({ phase }: ConnectionState) => phases.push(phase),
    ...options,
  });
  const outcome = await watch.done.then(
    (last) => ({ last, error: undefined }),
    (error: unknown) => ({ last: undefined, error: error as HeadwayError }),
  );
  return { ...outcome, revisions: told.map((snapshot) => snapshot.revision), phases, completed };
}

test("does not send the token to another server after a redirect", async () => {
  const other = await startScriptedServer(stream([connected, event(1, done)]));
  const redirect: Answer = (_request, response) => {
    response.writeHead(307, { Location: `${other.baseUrl}/elsewhere` }).end();
  };
  const { completed } = await watchScript([redirect], { token: "secret" });
  expect(completed).toHaveLength(1);
  expect(server.received[0]?.headers.authorization).toBe("Bearer secret");
  expect(other.received.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  await other.close();
});

describe("watching a job", () => {
  test("delivers every snapshot, and stops at the terminal one although the server keeps the stream open", async () => {
    const seen = await watchScript([stream([connected, event(1), event(2), event(3, done)], { open: true })]);
    expect(seen.revisions).toEqual([1, 2, 3]);
    expect(seen.last?.result).toEqual({ rows: 3 });
    expect(seen.completed).toHaveLength(1);
    expect(seen.phases).toEqual(["connecting", "open", "closed"]);
    expect(server.received).toHaveLength(1);
  });

  test("delivers a job that ended before the watch with the first message", async () => {
    const seen = await watchScript([stream([connected, event(1, done)])]);
    expect(seen.revisions).toEqual([1]);
    expect(seen.completed).toHaveLength(1);
  });

  test.each([
    ["ends", stream],
    ["breaks", brokenStream],
  ])("resumes by Last-Event-ID when the stream %s, and drops known snapshots", async (_how, cutShort) => {
    const seen = await watchScript([
      cutShort([connected, event(1), event(5)]),
      stream([connected, event(5), event(6), event(7, done)]),
    ]);
    expect(seen.revisions).toEqual([1, 5, 6, 7]);
    expect(server.received.map((request) => request.headers["last-event-id"])).toEqual([undefined, "5"]);
    expect(seen.phases).toEqual(["connecting", "open", "retrying", "open", "closed"]);
  });

  test("does not complete when the connection is lost", async () => {
    const seen = await watchScript([stream([connected, event(1)]), json(404, { reason: "JOB_NOT_FOUND" })]);
    expect(seen.completed).toEqual([]);
    expect(seen.error?.reason).toBe("JOB_NOT_FOUND");
  });

  test("reports a refusal and does not retry", async () => {
    const seen = await watchScript([refusal(401, "TOKEN_MISSING")]);
    expect(seen.error).toBeInstanceOf(HeadwayError);
    expect(seen.error).toMatchObject({ status: 401, reason: "TOKEN_MISSING", requestId: "r-1" });
    expect(server.received).toHaveLength(1);
  });

  test("asks for a fresh token when the old one is refused, and continues", async () => {
    const asked: boolean[] = [];
    const token = (refused: boolean) => {
      asked.push(refused);
      return refused ? "fresh" : "old";
    };
    const seen = await watchScript([refusal(401, "TOKEN_EXPIRED"), stream([connected, event(1, done)])], { token });
    expect(seen.completed).toHaveLength(1);
    expect(asked).toEqual([false, true]);
    expect(server.received.map((request) => request.headers.authorization)).toEqual(["Bearer old", "Bearer fresh"]);
  });

  test("asks for a fresh token only once", async () => {
    const seen = await watchScript([refusal(401, "TOKEN_INVALID")], { token: () => "never right" });
    expect(seen.error?.reason).toBe("TOKEN_INVALID");
    expect(server.received).toHaveLength(2);
  });

  test("reconnects with a fresh token before the old one expires", async () => {
    const reauth = 'data: {"type":"reauth","message":"The token expires"}\n\n';
    const seen = await watchScript(
      [stream([connected, event(1), reauth], { open: true }), stream([connected, event(2, done)])],
      { token: (refused) => (refused ? "fresh" : "old") },
    );
    expect(seen.completed).toHaveLength(1);
    expect(server.received[1]?.headers.authorization).toBe("Bearer fresh");
    expect(server.received[1]?.headers["last-event-id"]).toBe("1");
  });

  test("reconnects when the server drains", async () => {
    const draining = 'data: {"type":"draining"}\n\n';
    const seen = await watchScript([
      stream([connected, event(1), draining], { open: true }),
      stream([connected, event(2, done)]),
    ]);
    expect(seen.completed).toHaveLength(1);
  });

  // On Node 20 a read never settles if the stream ends while it is aborted (nodejs/undici#4089).
  test("reconnects when the stream ends with the message that the server drains", async () => {
    const draining = 'data: {"type":"draining"}\n\n';
    const restart = (revision: number): Answer => {
      return async (request, response) => {
        await stream([connected, event(revision)], { open: true })(request, response);
        response.socket?.cork();
        response.end(draining);
        response.socket?.uncork();
      };
    };
    const seen = await watchScript([restart(1), restart(2), restart(3), stream([connected, event(4, done)])]);
    expect(seen.completed).toHaveLength(1);
  });

  test.each([
    [429, "STREAM_LIMIT"],
    [503, "UNAVAILABLE"],
  ])("waits for Retry-After at %i, and then continues", async (status, reason) => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const seen = await watchScript([
      refusal(status, reason, { "Retry-After": "1" }),
      stream([connected, event(1, done)]),
    ]);
    const waits = timers.mock.calls.map(([, wait]) => wait ?? 0);
    timers.mockRestore();
    expect(seen.completed).toHaveLength(1);
    expect(waits.filter((wait) => wait >= 1000 && wait <= 1250)).toHaveLength(1);
  });

  test("stops after giveUpAfterMs with the last error", async () => {
    const seen = await watchScript([refusal(503, "UNAVAILABLE")], { giveUpAfterMs: 1 });
    expect(seen.error?.reason).toBe("UNAVAILABLE");
    expect(seen.phases.at(-1)).toBe("closed");
    expect(seen.completed).toEqual([]);
  });

  const page = (status: number): Answer => {
    return (_request, response) => {
      response.writeHead(status, { "Content-Type": "text/html" });
      response.end("<h1>A proxy</h1>");
    };
  };

  test.each([
    ["a page with status 200", page(200)],
    ["JSON without a reason", json(200, { hello: "proxy" })],
    ["a page with status 404", page(404)],
    ["a page with status 403", page(403)],
  ])("continues after a response that is not Headway's: %s", async (_name, answer) => {
    const errors: (HeadwayError | undefined)[] = [];
    const seen = await watchScript([answer, stream([connected, event(1, done)])], {
      onConnection: ({ phase, error }) => phase === "retrying" && errors.push(error),
    });
    expect(seen.completed).toHaveLength(1);
    expect(errors.map((error) => error?.reason)).toEqual(["HTTP"]);
  });

  test("ends with the reason HTTP after giveUpAfterMs of responses that are not Headway's", async () => {
    const seen = await watchScript([page(404)], { giveUpAfterMs: 1 });
    expect(seen.error).toMatchObject({ reason: "HTTP", status: 404 });
  });

  test("does not end when the token function fails once", async () => {
    let asked = 0;
    const token = async () => {
      if (++asked === 1) throw new TypeError("the token service is unavailable");
      return "fresh";
    };
    const errors: (string | undefined)[] = [];
    const seen = await watchScript([stream([connected, event(1, done)])], {
      token,
      onConnection: ({ phase, error }) => phase === "retrying" && errors.push(error?.message),
    });
    expect(seen.completed).toHaveLength(1);
    expect(errors).toEqual(["the token service is unavailable"]);
  });

  test("sends few requests when every fresh token is about to expire", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    const reauth = 'data: {"type":"reauth"}\n\n';
    const short = stream([connected, event(1), reauth], { open: true });
    const seen = await watchScript([short, short, short, stream([connected, event(2, done)])], {
      token: () => "short",
    });
    const waits = timers.mock.calls.map(([, wait]) => wait ?? 0);
    timers.mockRestore();
    expect(seen.completed).toHaveLength(1);
    // The server asks for a wait of 10 ms, which doubles and is jittered by half.
    for (const [least, most] of [[5, 10] as const, [10, 20] as const, [20, 40] as const]) {
      expect(waits.some((wait) => wait > least && wait < most)).toBe(true);
    }
  });

  test("resolves when its signal aborts", async () => {
    const leaving = new AbortController();
    const seen = await watchScript([stream([connected, event(1)], { open: true })], {
      signal: leaving.signal,
      onUpdate: () => leaving.abort(),
    });
    expect(seen.error).toBeUndefined();
    expect(seen.phases.at(-1)).toBe("closed");
  });

  test("ends with the error that a callback throws", async () => {
    const seen = await watchScript([stream([connected, event(1)], { open: true })], {
      onUpdate: () => {
        throw new TypeError("mine");
      },
    });
    expect(seen.error?.message).toBe("mine");
    expect(server.received).toHaveLength(1);
  });

  test("ends when the job is deleted", async () => {
    const deleted = 'data: {"type":"job_deleted","jobId":"j1"}\n\n';
    const gone: string[] = [];
    const seen = await watchScript([stream([connected, event(1), deleted], { open: true })], {
      onDeleted: (jobId) => gone.push(jobId),
    });
    expect(gone).toEqual(["j1"]);
    expect(seen.completed).toEqual([]);
  });

  test("decodes characters that are split between packets", async () => {
    const bytes = Buffer.from(connected + event(1, { ...done, message: "Größe 🚀" }));
    const seen = await watchScript([stream(Array.from(bytes, (byte) => Uint8Array.of(byte)))]);
    expect(seen.last?.message).toBe("Größe 🚀");
  });

  test("can be iterated to its end", async () => {
    server = await startScriptedServer(stream([connected, event(1), event(2), event(3, done)]));
    let last: JobSnapshot | undefined;
    for await (const snapshot of watchJob({ ...job, baseUrl: server.baseUrl })) {
      if (last) expect(snapshot.revision).toBeGreaterThan(last.revision);
      last = snapshot;
    }
    expect(last?.status).toBe("completed");
  });

  test("skips to the latest snapshot when the iteration is slow", async () => {
    server = await startScriptedServer(stream([connected, ...[1, 2, 3, 4].map((n) => event(n)), event(5, done)]));
    const revisions: number[] = [];
    const watch = watchJob({ ...job, baseUrl: server.baseUrl });
    await watch.done;
    for await (const snapshot of watch) revisions.push(snapshot.revision);
    expect(revisions).toEqual([5]);
  });

  test("closes the stream when the caller leaves the iteration", async () => {
    let closed: Promise<void> | undefined;
    server = await startScriptedServer((request, response) => {
      closed = new Promise((resolve) => response.on("close", resolve));
      return stream([connected, event(1)], { open: true })(request, response);
    });
    for await (const _ of watchJob({ ...job, baseUrl: server.baseUrl })) break;
    await closed;
  });
});

describe("watching all jobs", () => {
  test("does not end when one of them does", async () => {
    server = await startScriptedServer(
      stream([connected, event(1, done), event(1, { jobId: "j2" }), event(2, { jobId: "j2" })], { open: true }),
    );
    const told: string[] = [];
    await new Promise<void>((resolve) => {
      const watch = watchJobs({
        baseUrl: server.baseUrl,
        onUpdate: ({ jobId, revision }) => {
          told.push(`${jobId}@${revision}`);
          if (told.length === 3) watch.close();
        },
      });
      void watch.done.then(() => resolve());
    });
    expect(told).toEqual(["j1@1", "j2@1", "j2@2"]);
    expect(server.received[0]?.path).toBe("/api/v1/sse/jobs/my");
  });
});

describe("a connection without a response", () => {
  beforeEach(async () => {
    server = await startScriptedServer();
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  const answer = () => new Response(connected + event(1, done), { headers: { "Content-Type": "text/event-stream" } });
  const never = () => new Promise<never>(() => {});
  const twice = <T>(second: () => Promise<T>) => vi.fn().mockImplementationOnce(never).mockImplementation(second);

  test("is replaced after 30 seconds without headers", async () => {
    const watch = watchJob({ ...job, baseUrl: "http://127.0.0.1", fetch: twice(async () => answer()) });
    await vi.advanceTimersByTimeAsync(46_000);
    expect((await watch.done)?.status).toBe("completed");
  });

  test("is replaced after 30 seconds without a token", async () => {
    const token = twice(async () => "fresh");
    const watch = watchJob({ ...job, baseUrl: "http://127.0.0.1", token, fetch: async () => answer() });
    await vi.advanceTimersByTimeAsync(46_000);
    expect((await watch.done)?.status).toBe("completed");
  });

  test("ends the watch after giveUpAfterMs", async () => {
    const watch = watchJob({ ...job, baseUrl: "http://127.0.0.1", fetch: never, giveUpAfterMs: 40_000 });
    const refused = expect(watch.done).rejects.toMatchObject({ reason: "NETWORK" });
    await vi.advanceTimersByTimeAsync(46_000);
    await refused;
  });

  test.each([
    ["when the browser comes online", new Event("online")],
    ["when the page returns from the cache of the browser", Object.assign(new Event("pageshow"), { persisted: true })],
  ])("is replaced %s", async (_, event) => {
    const window = new EventTarget();
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
    const fetch = twice(async () => answer());
    const watch = watchJob({ ...job, baseUrl: "http://127.0.0.1", fetch });
    await vi.advanceTimersByTimeAsync(0);
    window.dispatchEvent(event);
    await vi.advanceTimersByTimeAsync(1000);
    expect((await watch.done)?.status).toBe("completed");
  });

  test("is kept when the page has loaded", async () => {
    const window = new EventTarget();
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
    const fetch = vi.fn(twice(async () => answer()));
    const watch = watchJob({ ...job, baseUrl: "http://127.0.0.1", fetch });
    await vi.advanceTimersByTimeAsync(0);
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
    await vi.advanceTimersByTimeAsync(1000);
    expect(fetch).toHaveBeenCalledTimes(1);
    watch.close();
  });
});
