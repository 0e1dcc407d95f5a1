import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type JobSnapshot, readOutput, type StreamTransport, watchJob, watchJobs } from "../src/index.js";
import { Broker } from "../src/shared/broker.js";
import { shareStreams } from "../src/shared/index.js";
import { linkToLeader } from "../src/shared/leader-link.js";
import { type BrokerMessage, type BrokerSettings, readBatch } from "../src/shared/protocol.js";
import { Tab } from "../src/shared/tab.js";
import { stubBrowser } from "./browser.js";
import { Locks } from "./locks.js";
import { type Answer, event, refusal, type ScriptedServer, startScriptedServer, stream } from "./scripted-server.js";

const connected = 'retry: 10\ndata: {"type":"connected","keepaliveSeconds":15,"user":"ann"}\n\n';
const done = { status: "completed", progress: 100 };

let server: ScriptedServer;
const closing: (() => void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) close();
  await server?.close();
});

const settings = (connections = 4): BrokerSettings => ({
  baseUrl: server.baseUrl,
  credentials: "same-origin",
  user: "ann",
  connections,
});

/** A broker that tabs can be linked to. */
function startBroker(connections?: number) {
  const broker = new Broker(settings(connections));
  closing.push(() => broker.close());
  const link = (receive: (message: BrokerMessage) => void) => {
    const guest = broker.welcome((batch) => readBatch(batch).forEach(receive));
    return { post: guest.receive, revive() {}, close() {} };
  };
  const openTab = (): StreamTransport => new Tab(link).follow;
  return { broker, openTab };
}

/** Watches the scripted job, and collects everything that it receives. */
function watch(transport: StreamTransport, jobId = "j1", options: Partial<Parameters<typeof watchJob>[0]> = {}) {
  const told: JobSnapshot[] = [];
  const watching = watchJob({ jobId, kind: "import", transport, onUpdate: (s) => told.push(s), ...options });
  closing.push(() => watching.close());
  return { told, watching, revisions: () => told.map((snapshot) => snapshot.revision) };
}

const until = (holds: () => boolean) => vi.waitFor(() => expect(holds()).toBe(true), { timeout: 10_000, interval: 5 });

describe("tabs with one broker", () => {
  test("have one stream, and a later tab starts with the latest state", async () => {
    let tell = (_text: string) => {};
    server = await startScriptedServer(async (request, response) => {
      await stream([connected, event(1)], { open: true })(request, response);
      tell = (text) => response.write(text);
    });
    const { openTab } = startBroker();
    const first = watch(openTab());
    await until(() => first.told.length === 1);
    tell(event(2));
    await until(() => first.told.length === 2);
    const second = watch(openTab());
    await until(() => second.told.length === 1);
    tell(event(3, done));
    await Promise.all([first.watching.done, second.watching.done]);
    expect(first.revisions()).toEqual([1, 2, 3]);
    expect(second.revisions()).toEqual([2, 3]);
    expect(server.received).toHaveLength(1);
  });

  test("close the stream when the last tab leaves", async () => {
    let closed = false;
    server = await startScriptedServer((request, response) => {
      response.on("close", () => {
        closed = true;
      });
      return stream([connected, event(1)], { open: true })(request, response);
    });
    const { openTab } = startBroker();
    const [one, two] = [watch(openTab()), watch(openTab())];
    await until(() => one.told.length + two.told.length === 2);
    one.watching.close();
    await one.watching.done;
    expect(closed).toBe(false);
    two.watching.close();
    await until(() => closed);
  });

  test("receive the reason when a stream is refused", async () => {
    server = await startScriptedServer(refusal(404, "JOB_NOT_FOUND"));
    const { openTab } = startBroker();
    const { watching } = watch(openTab());
    await expect(watching.done).rejects.toMatchObject({ reason: "JOB_NOT_FOUND", status: 404, requestId: "r-1" });
  });

  test("never get another user's stream", async () => {
    server = await startScriptedServer(stream([connected.replace("ann", "bob"), event(1)], { open: true }));
    const { openTab } = startBroker();
    const { watching, told } = watch(openTab());
    await expect(watching.done).rejects.toMatchObject({ reason: "USER_CHANGED" });
    expect(told).toEqual([]);
  });

  test("send the broker their token, and a fresh one after a refusal", async () => {
    server = await startScriptedServer(refusal(401, "TOKEN_EXPIRED"), stream([connected, event(1, done)]));
    const { openTab } = startBroker();
    const asked: boolean[] = [];
    const token = (refused: boolean) => {
      asked.push(refused);
      return refused ? "fresh" : "old";
    };
    await watch(openTab(), "j1", { token }).watching.done;
    expect(asked).toEqual([false, true]);
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual(["Bearer old", "Bearer fresh"]);
  });

  test("see every stream, even if there are more streams than connections", async () => {
    const answer: Answer = (request, response) => {
      const jobId = request.url?.split("/").pop();
      return stream([connected, event(1, { jobId })], { open: true })(request, response);
    };
    server = await startScriptedServer(answer);
    const { openTab } = startBroker(2);
    const watches = ["a", "b", "c", "d", "e"].map((jobId) => watch(openTab(), jobId));
    await until(() => watches.every(({ told }) => told.length > 0));
    expect(watches.map(({ told }) => told[0]?.jobId)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("read a job's output from different offsets, without duplicates", async () => {
    const piece = (offset: number, text: string) =>
      `id: ${offset + text.length}\ndata: ${JSON.stringify({ type: "output", jobId: "j1", offset, text })}\n\n`;
    const whole = "once upon a time";
    server = await startScriptedServer((request, response) => {
      const from = Number(request.headers["last-event-id"] ?? 0);
      return stream([connected, piece(from, whole.slice(from))], { open: true })(request, response);
    });
    const { openTab } = startBroker();
    const read = (offset: number) => {
      const texts: string[] = [];
      const onChunk = ({ bytes }: { bytes: Uint8Array }) => texts.push(new TextDecoder().decode(bytes));
      const reader = readOutput({ jobId: "j1", kind: "story", offset, transport: openTab(), onChunk });
      closing.push(() => reader.close());
      return () => texts.join("");
    };
    const late = read(5);
    await until(() => late() === "upon a time");
    const early = read(0);
    await until(() => early() === whole);
    expect(late()).toBe("upon a time");
    expect(server.received.map(({ headers }) => headers["last-event-id"])).toEqual(["5", undefined]);
  });

  test("are removed when they are silent, and welcomed with their next message", async () => {
    vi.useFakeTimers();
    server = await startScriptedServer(stream([connected], { open: true }));
    try {
      const { broker } = startBroker();
      const told: string[] = [];
      const guest = broker.welcome((batch) => told.push(...readBatch(batch).map(({ type }) => type)));
      guest.receive({ type: "here", visible: true });
      guest.receive({ type: "here", visible: true });
      vi.advanceTimersByTime(300_000);
      guest.receive({ type: "here", visible: true });
      await Promise.resolve();
      expect(told).toEqual(["welcome", "here", "welcome"]);
    } finally {
      vi.useRealTimers();
    }
  });
});

test("a broker that closes leaves no timer, even while it waits for a token", async () => {
  server = await startScriptedServer(stream([connected], { open: true }));
  vi.useFakeTimers();
  try {
    const broker = new Broker(settings());
    const told: string[] = [];
    const guest = broker.welcome((batch) => told.push(...readBatch(batch).map(({ type }) => type)));
    guest.receive({ type: "follow", stream: 1, path: "/api/v1/sse/jobs/import/j1", lastEventId: "" });
    await vi.advanceTimersByTimeAsync(100);
    expect(told).toContain("token?");
    broker.close();
    await vi.advanceTimersByTimeAsync(0);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

describe("tabs with a leader among them", () => {
  beforeEach(() => vi.stubGlobal("navigator", { locks: new Locks() }));
  afterEach(() => vi.unstubAllGlobals());

  /** Opens a tab that takes part in elections. */
  function openTab() {
    let link: ReturnType<typeof linkToLeader> | undefined;
    const tab = new Tab((receive) => {
      link = linkToLeader(settings(), receive, () => {});
      return link;
    });
    closing.push(() => link?.close());
    return { transport: tab.follow, close: () => link?.close(), revive: () => link?.revive() };
  }

  test("have one stream, which the next leader continues after the last event", async () => {
    server = await startScriptedServer(
      stream([connected, event(1), event(2)], { open: true }),
      stream([connected, event(3, done)]),
    );
    const leader = openTab();
    const first = watch(leader.transport);
    await until(() => first.told.length === 2);
    const second = watch(openTab().transport);
    await until(() => second.told.length === 1);
    expect(server.received).toHaveLength(1);
    leader.close();
    await second.watching.done;
    expect(second.revisions()).toEqual([2, 3]);
    expect(server.received.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "2"]);
  });

  test("receive the jobs that ended while there was no leader", async () => {
    const moment = (id: string, jobId: string, fields = {}) =>
      event(2, { jobId, ...fields }).replace(/^id: 2/, `id: ${id}`);
    server = await startScriptedServer(
      stream([connected, moment("m1", "a"), moment("m2", "b")], { open: true }),
      stream([connected, moment("m3", "a", { ...done, revision: 3 })], { open: true }),
    );
    const leader = openTab();
    const all = (transport: StreamTransport) => {
      const told: string[] = [];
      const watching = watchJobs({ transport, onUpdate: ({ jobId, status }) => told.push(`${jobId} ${status}`) });
      closing.push(() => watching.close());
      return told;
    };
    const first = all(leader.transport);
    await until(() => first.length === 2);
    const second = all(openTab().transport);
    await until(() => second.length === 2);
    leader.close();
    await until(() => second.length === 3);
    expect(second.at(-1)).toBe("a completed");
    expect(server.received.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "m2"]);
  });

  test("are forgotten when they are silent or close", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    const welcomed = vi.spyOn(Broker.prototype, "welcome");
    try {
      server = await startScriptedServer();
      const nothing = () => {};
      const leader = linkToLeader(settings(), nothing, nothing);
      const tab = linkToLeader(settings(), nothing, nothing);
      closing.push(tab.close, leader.close);
      const isWelcomedAs = (guest: number) =>
        until(() => {
          tab.post({ type: "here", visible: true });
          return welcomed.mock.calls.length === 1 + guest;
        });
      await isWelcomedAs(1);
      vi.advanceTimersByTime(300_000);
      await isWelcomedAs(2);
      tab.post({ type: "bye" });
      await isWelcomedAs(3);
    } finally {
      vi.useRealTimers();
      welcomed.mockRestore();
    }
  });

  test("replace a leader that does not answer", async () => {
    server = await startScriptedServer(stream([connected, event(1)], { open: true }));
    const leader = openTab();
    const first = watch(leader.transport);
    await until(() => first.told.length === 1);
    const follower = openTab();
    const second = watch(follower.transport);
    await until(() => second.told.length === 1);
    follower.revive();
    await until(() => server.received.length === 2);
    expect(first.revisions(), "the former leader is a follower now").toEqual([1]);
  });
});

describe("the tokens of tabs", () => {
  const only = (good: string): Answer => {
    return (request, response) =>
      request.headers.authorization === `Bearer ${good}`
        ? stream([connected, event(1), event(2, done)])(request, response)
        : refusal(401, "TOKEN_EXPIRED")(request, response);
  };

  test("belong to their streams: no stream uses the token of another one", async () => {
    server = await startScriptedServer(stream([connected, event(1)], { open: true }));
    const { openTab } = startBroker();
    const tab = openTab();
    watch(tab, "a", { token: "for a" });
    watch(tab, "b", { token: "for b" });
    await until(() => server.received.length === 2);
    expect(server.received.map(({ path, headers }) => `${path.slice(-1)} ${headers.authorization}`).sort()).toEqual([
      "a Bearer for a",
      "b Bearer for b",
    ]);
  });

  test.each([2, 3, 5])("are all tried, even if only the last one of %i is valid", async (count) => {
    server = await startScriptedServer(only("valid"));
    const { openTab } = startBroker();
    const watches = Array.from({ length: count }, (_, n) =>
      watch(openTab(), "j1", { token: n === count - 1 ? "valid" : `expired ${n}` }),
    );
    await Promise.all(watches.map(({ watching }) => watching.done));
    for (const { told } of watches) expect(told.at(-1)?.status).toBe("completed");
  });

  test("end the stream if the server refuses all of them, even if each one is new", async () => {
    server = await startScriptedServer(refusal(401, "TOKEN_INVALID"));
    const { openTab } = startBroker();
    let n = 0;
    const watches = [1, 2, 3].map(() => watch(openTab(), "j1", { token: () => `new ${++n}` }));
    for (const { watching } of watches) await expect(watching.done).rejects.toMatchObject({ reason: "TOKEN_INVALID" });
    expect(server.received.length).toBeLessThan(10);
  });

  test("come from the next tab if the function of one tab throws", async () => {
    server = await startScriptedServer(only("valid"));
    const { openTab } = startBroker();
    const broken = watch(openTab(), "j1", { token: () => Promise.reject(new Error("away")) });
    const good = watch(openTab(), "j1", { token: () => "valid" });
    await Promise.all([broken.watching.done, good.watching.done]);
    expect(server.received).toHaveLength(1);
  });
});

describe("a sandboxed frame", () => {
  afterEach(() => vi.unstubAllGlobals());

  test("has its own streams, because the browser refuses workers and locks", async () => {
    server = await startScriptedServer(stream([connected, event(1), event(2, done)]));
    await stubBrowser(server.baseUrl, 0);
    let elections = 0;
    const request = () => {
      elections++;
      return Promise.reject(new DOMException("The request is denied in this context.", "SecurityError"));
    };
    vi.stubGlobal("navigator", { locks: { request } });
    vi.stubGlobal("SharedWorker", function refuse() {
      throw new DOMException("Access denied", "SecurityError");
    });
    // An about:srcdoc frame has no address.
    vi.stubGlobal("location", { origin: "null", href: "about:srcdoc" });
    const { watching, told } = watch(shareStreams({ user: "ann" }));
    await watching.done;
    expect(told.at(-1)?.status).toBe("completed");
    expect(elections).toBe(1);
  });
});
