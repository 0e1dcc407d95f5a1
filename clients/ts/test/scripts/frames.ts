/** Streams whose bytes arrive in unusual ways. */
import { constants, createGzip } from "node:zlib";
import { expect } from "vitest";
import { type Answer, brokenStream, event, stream } from "../scripted-server.js";
import { connected, done, rest } from "./answers.js";
import type { Case } from "./run.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const end = event(2, { ...done, message: "Größe 🚀 готово" });

/** Cuts bytes into chunks of a length. */
function chunks(text: string, length: number): Uint8Array[] {
  const all = bytes(text);
  return Array.from({ length: Math.ceil(all.length / length) }, (_, n) => all.slice(n * length, (n + 1) * length));
}

const message: NonNullable<Case["check"]> = ({ tabs }) =>
  expect(tabs.map(({ completed }) => completed[0]?.message)).toEqual(tabs.map(() => "Größe 🚀 готово"));

const whole = (name: string, answer: Answer): Case => ({
  name,
  script: [answer],
  ends: "completed",
  revisions: [1, 2],
  check: message,
});

const all = connected + event(1) + end;

/** Sends each chunk compressed, without a delay. */
const gzipped =
  (...parts: string[]): Answer =>
  async (_request, response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream", "Content-Encoding": "gzip" });
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.pipe(response);
    for (const part of parts) {
      await new Promise<void>((resolve) => gzip.write(part, () => resolve()));
      await new Promise<void>((resolve) => gzip.flush(() => resolve()));
    }
  };

/** Answers with other headers. */
const withHeaders =
  (headers: Record<string, string>): Answer =>
  (_request, response) => {
    response.writeHead(200, headers);
    response.end(all);
  };

export const frames: Case[] = [
  whole("each byte alone", stream(chunks(all, 1))),
  whole("chunks of seven bytes, which split characters", stream(chunks(all, 7))),
  whole("everything in one chunk", stream([all])),
  whole("chunks that gzip compresses", gzipped(connected, event(1), end)),
  whole("a content type in capital letters", withHeaders({ "Content-Type": "TEXT/EVENT-STREAM; Charset=UTF-8" })),
  whole("a content type without a charset", withHeaders({ "Content-Type": "text/event-stream" })),
  whole("a byte order mark", stream([`\ufeff${all}`])),
  whole("lines that end in CRLF", stream([all.replaceAll("\n", "\r\n")])),
  whole("CRLF that chunks split", stream(chunks(all.replaceAll("\n", "\r\n"), 1))),
  whole("lines that end in CR", stream([all.replaceAll("\n", "\r")])),
  whole("comments between all lines", stream([all.replaceAll("\n", "\n:\n").replaceAll("\n:\n\n:\n", "\n:\n\n")])),
  whole("data in several lines", stream([connected, event(1), end.replaceAll(',"', ',\ndata: "')])),
  whole("fields without a space", stream([all.replaceAll(/^(id|data|retry): /gm, "$1:")])),
  whole("an event of four megabytes", stream([connected, event(1, { payload: "x".repeat(4 << 20) }), end])),
  whole("data that is not JSON", stream([connected, event(1), "data: <h1>hello</h1>\n\n", end])),
  whole(
    "JSON that is not a message",
    stream([connected, event(1), ...["null", "7", '"a"', "[]", "{}"].map((json) => `data: ${json}\n\n`), end]),
  ),
  whole("a message of an unknown type", stream([connected, event(1), 'data: {"type":"fireworks"}\n\n', end])),
  whole("an id with a null character", stream([connected, event(1), `id: \0\n${end}`])),
  whole("events with names", stream([connected, event(1).replace(/^/, "event: job\n"), end])),
  whole("ten thousand comments in one chunk", stream([connected, event(1), ":\n".repeat(10_000), end])),
  whole(
    "a megabyte of comment in chunks",
    stream([connected, event(1), ":", ...Array(64).fill("x".repeat(1 << 14)), "\n", end]),
  ),
  {
    name: "a comment without an end",
    script: [stream([connected, event(1), `:${"x".repeat(17 << 20)}`], { open: true }), rest],
    ends: "completed",
    ids: [undefined, "1"],
  },
  {
    name: "gzip that breaks off",
    script: [
      async (request, response) => {
        await gzipped(connected, event(1))(request, response);
        setTimeout(() => response.destroy(), 3);
      },
      rest,
    ],
    ends: "completed",
  },
  ...["größe-🚀", "1 2", "x".repeat(100_000)].map(
    (id): Case => ({
      name: `an id that can't be sent back: ${id.slice(0, 10)}`,
      script: [
        stream([connected, event(1), event(2).replace("id: 2", `id: ${id}`)]),
        stream([connected, event(3, done)]),
      ],
      ends: "completed",
      revisions: [1, 2, 3],
      ids: [undefined, "1"],
    }),
  ),
  {
    name: "half an event, then the end of the stream",
    script: [stream([connected, event(1), event(2).slice(0, 30)]), rest],
    ends: "completed",
    ids: [undefined, "1"],
  },
  {
    name: "half an event, then a lost connection",
    script: [brokenStream([connected, event(1), event(2).slice(0, 30)]), rest],
    ends: "completed",
    ids: [undefined, "1"],
  },
  {
    name: "half a character, then a lost connection",
    script: [
      async (request, response) => {
        await stream([connected, event(1), bytes(end).slice(0, -40)], { open: true })(request, response);
        response.destroy();
      },
      rest,
    ],
    ends: "completed",
  },
  {
    name: "half an event, then silence",
    script: [stream([connected, event(1), event(2).slice(0, 30)], { open: true }), rest],
    ends: "completed",
    ids: [undefined, "1"],
  },
  {
    name: "the end without its empty line",
    script: [stream([connected, event(1), end.trimEnd()]), stream([connected, end])],
    ends: "completed",
    revisions: [1, 2],
  },
  {
    name: "retry: 0, without a request loop",
    script: [stream([connected.replace("10", "0"), event(1)])],
    meanwhile: async ({ server, advance }) => {
      await advance(60_000);
      expect(server.received.length).toBeLessThan(20);
    },
    ends: "closed",
  },
  {
    name: "a retry that no timer can hold, without a request loop",
    script: [stream([connected.replace("10", "9".repeat(30)), event(1)]), rest],
    meanwhile: async ({ server, advance }) => {
      await advance(60_000);
      expect(server.received).toHaveLength(1);
    },
    ends: "completed",
  },
  ...["0", "-5", "1e300", '"soon"', "null"].map(
    (seconds): Case => ({
      name: `keepalives announced every ${seconds} seconds`,
      script: [
        stream([connected.replace('"keepaliveSeconds":15', `"keepaliveSeconds":${seconds}`), event(1)], { open: true }),
        rest,
      ],
      meanwhile: async ({ server, advance }) => {
        await advance(2000);
        expect(server.received).toHaveLength(1);
      },
      ends: "completed",
    }),
  ),
];
