import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HeadwayError, uploadWorkbook } from "../src/index.js";
import { uploadResumably } from "../src/uploads/resumable.js";

/** More than the client and the kernel hold. */
const file = new Blob([new Uint8Array(32 * 1024 * 1024)]);
const accepted = '{"import":{"importId":"i1"}}';

let server: Server;
/** What the server does with each connection, in order. */
let script: ((socket: Socket) => void)[];
let connections: number;
const sockets: Socket[] = [];

beforeEach(async () => {
  connections = 0;
  server = createServer((socket) => {
    socket.on("error", () => {});
    sockets.push(socket);
    // A client can open connections that it does not use.
    socket.once("readable", () => script[Math.min(connections++, script.length - 1)]?.(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
});
afterEach(async () => {
  vi.useRealTimers();
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

const baseUrl = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Reads some of the request, and then nothing. */
const readsSome = (socket: Socket) => {
  socket.once("data", () => socket.pause());
};
/** Reads the request to its end, and answers. */
const answers =
  (response: string, whole = true) =>
  (socket: Socket) => {
    let received = 0;
    socket.on("data", (data) => {
      received += data.length;
      if (!whole || received > file.size) {
        received = Number.NEGATIVE_INFINITY;
        socket.write(response);
      }
    });
  };
const http = (status: string, body: string, headers = "") =>
  `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\n${headers}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;

/** Moves the clock until the promise settles, and returns the time that has passed, and the result. */
async function settle<T>(work: Promise<T>): Promise<{ passed: number; result: T | HeadwayError }> {
  let settled: { result: T | HeadwayError } | undefined;
  const keep = (result: T | HeadwayError) => {
    settled = { result };
  };
  work.then(keep, keep);
  for (let passed = 0; ; passed += 1000) {
    for (let n = 0; n < 200 && !settled; n++) await turn();
    if (settled) return { passed, ...settled };
    await vi.advanceTimersByTimeAsync(1000);
  }
}

test("an upload by fetch ends half a minute after its last progress", async () => {
  script = [readsSome];
  const progress: number[] = [];
  const onProgress = ({ loaded }: { loaded: number }) => progress.push(loaded);
  const { passed, result } = await settle(uploadWorkbook({ baseUrl: baseUrl(), file, retries: 0, onProgress }));
  expect(result).toBeInstanceOf(HeadwayError);
  expect((result as HeadwayError).temporary).toBe(true);
  expect(passed).toBeGreaterThanOrEqual(30_000);
  expect(passed).toBeLessThan(120_000);
  expect(progress.length).toBeGreaterThan(1);
  expect(progress.at(-1)).toBeLessThan(file.size);
});

test("an upload by fetch is sent again, whole, with its length", async () => {
  const requests: string[] = [];
  const record = (socket: Socket) => {
    socket.once("data", (data) => requests.push(data.toString("latin1").split("\r\n\r\n")[0] ?? ""));
    answers(http("202 Accepted", accepted))(socket);
  };
  script = [readsSome, record];
  const upload = uploadWorkbook({ baseUrl: baseUrl(), file, fileName: "Gehälter & mehr.xlsx", onIssues: "skip_rows" });
  expect((await settle(upload)).result).toEqual(JSON.parse(accepted));
  expect(requests[0]).toContain(`content-length: ${file.size}`);
  expect(requests[0]).toMatch(
    /^POST \/api\/v1\/imports\?on_issues=skip_rows&request_id=[\d-]+&file_name=Geh%C3%A4lter\+%26\+mehr\.xlsx HTTP/,
  );
});

test("an upload by fetch waits ten minutes for the check of a large file", async () => {
  script = [answers("")];
  const { passed, result } = await settle(uploadWorkbook({ baseUrl: baseUrl(), file, retries: 0 }));
  expect(result).toBeInstanceOf(HeadwayError);
  expect(passed).toBeGreaterThanOrEqual(600_000);
});

test("a token that never comes ends an upload", async () => {
  script = [readsSome];
  const token = () => new Promise<never>(() => {});
  const { result } = await settle(uploadWorkbook({ baseUrl: baseUrl(), file, token, retries: 0 }));
  expect(result).toBeInstanceOf(HeadwayError);
  expect(connections).toBe(0);
});

test("a resumable upload by fetch continues after a silence", async () => {
  const id = "Location: /api/v1/uploads/u1\r\n";
  script = [
    answers(http("201 Created", "", id), false),
    readsSome,
    answers(http("200 OK", "", `Upload-Offset: ${file.size}\r\n`), false),
    answers(http("202 Accepted", accepted), false),
  ];
  const { result } = await settle(uploadResumably({ baseUrl: baseUrl(), file }));
  expect(result).toEqual(JSON.parse(accepted));
  expect(connections).toBe(4);
});
