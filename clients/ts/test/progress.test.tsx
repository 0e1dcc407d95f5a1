import "./dom.js";
import { readFileSync } from "node:fs";
import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { useRef, useState } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  HeadwayProvider,
  ProcessingProgress,
  type ProgressStreamOptions,
  type ProgressUpdate,
  useSSEProgress,
} from "../src/react/index.js";
import { followProgress } from "../src/react/progressStream.js";
import {
  type Answer,
  connected,
  event,
  refusal,
  type ScriptedServer,
  startScriptedServer,
  stream,
} from "./scripted-server.js";
import { server as own, show } from "./show.js";

/** Another server than Headway, with one route and events without IDs. */
let gateway: ScriptedServer | undefined;
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
});

/** A message of such a server. */
const data = (update: Partial<ProgressUpdate>) => `data: ${JSON.stringify(update)}\n\n`;
const fetching = data({ status: "processing", progress: 12.5, message: "3 of 24 pages", step: "Fetching data" });
const completed = data({ status: "completed", progress: 100, message: "Done", step: "Finish", data: { pages: 24 } });

/** The end of one of Headway's jobs. */
const done = { status: "completed", progress: 100, result: { pages: 24 } };

type Seen = { progress: ProgressUpdate | null; isConnected: boolean };

function Page({ endpoint, options, seen }: { endpoint: string; options?: ProgressStreamOptions; seen: Seen[] }) {
  const { progress, isConnected, start } = useSSEProgress(endpoint, options);
  const stop = useRef<() => void>(undefined);
  seen.push({ progress, isConnected });
  return (
    <>
      <p>{`${progress?.status ?? "idle"} ${isConnected}`}</p>
      <button
        type="button"
        onClick={async () => {
          stop.current = await start();
        }}
      >
        start
      </button>
      <button type="button" onClick={() => stop.current?.()}>
        stop
      </button>
    </>
  );
}

const click = (text: string) => act(async () => fireEvent.click(screen.getByText(text)));

describe("useSSEProgress with a server that is not Headway's", () => {
  async function open(options: ProgressStreamOptions, ...script: Answer[]): Promise<Seen[]> {
    gateway = await startScriptedServer(...script);
    const seen: Seen[] = [];
    render(<Page endpoint={`${gateway.baseUrl}/api/v1/process/stream?depth=2`} options={options} seen={seen} />);
    return seen;
  }

  test("sends the token, shows each update, and reads the data at the end", async () => {
    let end: () => void = () => {};
    const seen = await open({ token: async () => "T 1" }, async (request, response) => {
      end = () => response.write(completed);
      await stream([fetching], { open: true })(request, response);
    });
    await click("start");
    await screen.findByText("processing true");
    end();
    await screen.findByText("completed false");
    expect(gateway?.received.map(({ path }) => path)).toEqual(["/api/v1/process/stream?depth=2&token=T%201"]);
    expect(seen.map(({ progress }) => progress)).toContainEqual({
      status: "processing",
      progress: 12.5,
      message: "3 of 24 pages",
      step: "Fetching data",
    });
    expect(seen.at(-1)?.progress).toEqual({
      status: "completed",
      progress: 100,
      message: "Done",
      step: "Finish",
      data: { pages: 24 },
    });
  });

  test("is connected from the click on, even before the token is available", async () => {
    let give: (token: string) => void = () => {};
    await open({ token: () => new Promise((resolve) => (give = resolve)) }, stream([completed]));
    await click("start");
    screen.getByText("idle true");
    expect(gateway?.received).toHaveLength(0);
    give("T-1");
    await screen.findByText("completed false");
  });

  test("reports a lost stream, and never starts the work twice", async () => {
    const seen = await open({}, stream([fetching]));
    await click("start");
    await screen.findByText("error false");
    expect(seen.at(-1)?.progress).toMatchObject({ message: "Connection lost", step: "Fetching data", progress: 12.5 });
    expect(gateway?.received).toHaveLength(1);
  });

  test("shows the message of an error update, and that of a refusal", async () => {
    const failed = data({ status: "error", progress: 30, message: "The site does not answer.", step: "Fetching data" });
    const seen = await open({}, stream([failed], { open: true }), refusal(401, "TOKEN_EXPIRED"));
    await click("start");
    await screen.findByText("error false");
    expect(seen.at(-1)?.progress?.message).toBe("The site does not answer.");
    await click("start");
    await waitFor(() => expect(seen.at(-1)?.progress?.message).toBe("Refused: TOKEN_EXPIRED"));
  });

  const end = JSON.stringify({ status: "completed", progress: 100, message: "Fertig: 24 Stück", data: { pages: 24 } });
  const half = end.indexOf("ü");
  const bytes = new TextEncoder().encode(`data: ${end}\n\n`);
  const within = new TextEncoder().encode(`data: ${end.slice(0, half)}`).length + 1;
  test.each<[string, (string | Uint8Array)[]]>([
    ["with CRLF", [`: hello\r\n\r\nevent: progress\r\ndata: ${end}\r\n\r\n`]],
    ["with CRLF in two packets", [`data: ${end}\r`, "\n\r", "\n"]],
    ["with CR alone", [`data: ${end}\r\r`]],
    ["without a blank after the colon", [`data:${end}\n\n`]],
    ["without a line break at its end", [fetching, `data: ${end}`]],
    ["with one line break at its end", [fetching, `data: ${end}\n`]],
    ["with JSON over several lines", [`${JSON.stringify(JSON.parse(end), null, 2).replace(/^/gm, "data: ")}\n\n`]],
    ["with JSON in several packets", [`data: ${end.slice(0, 20)}`, end.slice(20, 40), `${end.slice(40)}\n`, "\n"]],
    ["cut within a character", [bytes.subarray(0, within), bytes.subarray(within)]],
    [
      "after a byte order mark and other messages",
      ["\uFEFFdata: ping\n\ndata: null\n\ndata: 7\n\n", `data: ${end}\n\n`],
    ],
  ])("reads a stream %s", async (_, chunks) => {
    const seen = await open({}, async (_request, response) => {
      response.writeHead(200, { "Content-Type": "text/event-stream" }); // without a charset
      for (const chunk of chunks) {
        response.write(chunk);
        await new Promise((resolve) => setTimeout(resolve, 3));
      }
      response.end();
    });
    await click("start");
    await screen.findByText("completed false");
    expect(seen.at(-1)?.progress).toMatchObject({ message: "Fertig: 24 Stück", data: { pages: 24 } });
  });

  test("shows only texts and numbers, whatever the server sends", async () => {
    const odd = { status: "processing", progress: "40", message: { en: "x" }, step: 2, steps: 5 } as never;
    const seen = await open({}, stream([fetching, data(odd), completed]));
    await click("start");
    await screen.findByText("completed false");
    expect(seen.map(({ progress }) => progress)).toContainEqual({
      status: "processing",
      progress: 12.5,
      message: "3 of 24 pages",
      step: "Fetching data",
    });
  });

  test("does not keep a refusal that doesn't end", async () => {
    const mebibyte = new Uint8Array(1 << 20).fill(32);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(stream) {
          stream.enqueue(mebibyte);
          if (++sent === 80) stream.close();
        },
      },
      { highWaterMark: 0 },
    );
    const fetch = async () => new Response(body, { status: 503 });
    const followed = followProgress({ fetch }, "/x", {}, new AbortController().signal, () => {});
    await expect(followed).rejects.toThrow("HTTP 503");
    expect(sent).toBe(1);
  });

  test("does not take a message that was cut off for the end", async () => {
    const seen = await open({}, stream([fetching, `data: ${end.slice(0, -1)}`]));
    await click("start");
    await screen.findByText("error false");
    expect(seen.at(-1)?.progress).toMatchObject({ message: "Connection lost", progress: 12.5 });
  });

  test("shows the error of the token function", async () => {
    const seen = await open({ token: () => Promise.reject(new Error("Sign in first.")) }, stream([completed]));
    await click("start");
    await screen.findByText("error false");
    expect(seen.at(-1)?.progress?.message).toBe("Sign in first.");
  });

  test("start returns a promise for a function that closes the stream", async () => {
    let open_ = 0;
    await open({}, (request, response) => {
      open_++;
      response.on("close", () => open_--);
      return stream([fetching], { open: true })(request, response);
    });
    await click("start");
    await screen.findByText("processing true");
    await click("stop");
    await screen.findByText("processing false");
    await waitFor(() => expect(open_).toBe(0));
  });

  test("sends cookies to other origins, unless an option forbids it", async () => {
    const credentials: unknown[] = [];
    const connection = {
      fetch: ((_: string, init: RequestInit) => {
        credentials.push(init.credentials);
        return Promise.resolve(new Response(completed));
      }) as typeof fetch,
    };
    function Both() {
      const first = useSSEProgress("https://gateway.example/stream");
      const second = useSSEProgress("https://gateway.example/stream", { withCredentials: false });
      return (
        <button type="button" onClick={() => Promise.all([first.start(), second.start()])}>
          {`${first.progress?.status} ${second.progress?.status}`}
        </button>
      );
    }
    render(
      <HeadwayProvider connection={connection}>
        <Both />
      </HeadwayProvider>,
    );
    await click("undefined undefined");
    await screen.findByText("completed completed");
    expect(credentials).toEqual(["include", "same-origin"]);
  });

  test("does not send a Headway token to another server", async () => {
    gateway = await startScriptedServer(stream([completed]));
    const seen: Seen[] = [];
    render(
      <HeadwayProvider connection={{ token: "secret" }}>
        <Page endpoint={`${gateway.baseUrl}/stream`} seen={seen} />
      </HeadwayProvider>,
    );
    await click("start");
    await screen.findByText("completed false");
    expect(gateway.received[0]?.headers.authorization).toBeUndefined();
  });

  test("a changed endpoint clears the state", async () => {
    gateway = await startScriptedServer(stream([fetching], { open: true }));
    const { baseUrl } = gateway;
    const seen: Seen[] = [];
    function Switch() {
      const [n, setN] = useState(1);
      return (
        <>
          <Page endpoint={`${baseUrl}/${n}`} seen={seen} />
          <button type="button" onClick={() => setN(2)}>
            next
          </button>
        </>
      );
    }
    render(<Switch />);
    await click("start");
    await screen.findByText("processing true");
    const before = seen.length;
    await click("next");
    await screen.findByText("idle false");
    expect(seen.slice(before).every(({ progress, isConnected }) => !progress && !isConnected)).toBe(true);
  });
});

describe("useSSEProgress with Headway", () => {
  test("shows the titles of steps, and the result as data", async () => {
    const seen: Seen[] = [];
    const steps = [{ name: "render", title: "Rendering pictures" }];
    const rendering = event(1, { step: "render", steps, message: "1 of 8", progress: 12.5 });
    let end: () => void = () => {};
    await show(<Page endpoint="/api/v1/sse/jobs/media/j1" seen={seen} />, async (request, response) => {
      end = () => response.write(event(2, done));
      await stream([connected, rendering], { open: true })(request, response);
    });
    await click("start");
    await screen.findByText("processing true");
    end();
    await screen.findByText("completed false");
    expect(seen.map(({ progress }) => progress)).toContainEqual({
      status: "processing",
      progress: 12.5,
      message: "1 of 8",
      step: "Rendering pictures",
    });
    expect(seen.at(-1)?.progress).toMatchObject({ status: "completed", data: { pages: 24 } });
  });

  test("resumes an interrupted stream after its last event", async () => {
    await show(
      <Page endpoint="/api/v1/sse/jobs/media/j1" seen={[]} />,
      stream(["retry: 10\n\n", connected, event(1)]),
      stream([connected, event(2, done)]),
    );
    await click("start");
    await screen.findByText("completed false");
    expect(own.received.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "1"]);
  });
});

describe("a stream that falls silent", () => {
  /** Follows a stream on a fast clock, until the stream has ended or the time is over. */
  async function follow(path: string, maxMs: number, ...script: Answer[]) {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
    try {
      gateway = await startScriptedServer(...script);
      const { baseUrl, received } = gateway;
      const stopping = new AbortController();
      const updates: string[] = [];
      let end = "";
      const update = ({ status }: ProgressUpdate) => void updates.push(status);
      const followed = followProgress({ baseUrl }, path, {}, stopping.signal, update).then(
        () => {
          end = "ended";
        },
        (error: Error) => {
          end = error.message;
        },
      );
      for (let passed = 0; passed < maxMs && !end; passed += 100) {
        await vi.advanceTimersByTimeAsync(100);
        for (let n = 0; n < 4; n++) await new Promise((resolve) => setImmediate(resolve));
      }
      const result = { updates, end, requests: received.length };
      stopping.abort();
      await followed;
      return result;
    } finally {
      vi.useRealTimers();
    }
  }

  test("is resumed if the server announced keepalives", async () => {
    const silent = stream([connected, event(1)], { open: true });
    const path = "/api/v1/sse/jobs/media/j1";
    expect(await follow(path, 120_000, silent, stream([connected, event(2, done)]))).toEqual({
      updates: ["processing", "completed"],
      end: "ended",
      requests: 2,
    });
  });

  test("is not opened in a loop if each stream ends after one update", async () => {
    const once = stream([connected, event(1)]);
    const { requests } = await follow("/api/v1/sse/jobs/media/j1", 20_000, once);
    expect(requests).toBeLessThan(12);
  });

  test("ends if a refusal falls silent", async () => {
    const endless: Answer = (_request, response) => void response.writeHead(503).write(" ");
    expect(await follow("/stream", 120_000, endless)).toEqual({ updates: [], end: "HTTP 503", requests: 1 });
  });

  test("stays open if another server works for a long time", async () => {
    const silent = stream([fetching], { open: true });
    expect(await follow("/stream", 600_000, silent)).toEqual({ updates: ["processing"], end: "", requests: 1 });
  });
});

describe("ProcessingProgress", () => {
  test("has a button that waits, a bar, and the step with its message", async () => {
    gateway = await startScriptedServer(stream([fetching], { open: true }));
    render(<ProcessingProgress endpoint={`${gateway.baseUrl}/stream`}>Crawl</ProcessingProgress>);
    expect(screen.queryByRole("progressbar")).toBeNull();
    await click("Crawl");
    const button = screen.getByText("Processing…") as HTMLButtonElement;
    expect(button.disabled).toBe(true);
    await screen.findByText("Fetching data: 3 of 24 pages");
    expect(screen.getByRole("progressbar").getAttribute("aria-valuenow")).toBe("12");
  });

  test("renders on a server, and the entry point is marked as client code", () => {
    expect(renderToString(<ProcessingProgress endpoint="/x" />)).toContain("Start");
    const entry = readFileSync(new URL("../src/react/index.ts", import.meta.url), "utf8");
    expect(entry.startsWith('"use client";')).toBe(true);
  });
});
