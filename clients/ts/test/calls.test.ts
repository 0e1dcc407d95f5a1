import { afterEach, describe, expect, test } from "vitest";
import {
  cancel,
  confirm,
  createJob,
  deleteMapping,
  download,
  getSession,
  HeadwayError,
  listIssues,
  listJobs,
  listMappings,
  previewFile,
  readOutput,
  remove,
  repeatImport,
  samplePath,
  saveMapping,
  toSnapshot,
  uploadWorkbook,
  watchJob,
} from "../src/index.js";
import { importQuestion } from "../src/react/index.js";
import {
  type Answer,
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

const job = { jobId: "j1", kind: "import", status: "queued", revision: 1 };

describe("the REST calls", () => {
  test("a body is read where there are no streams", async () => {
    server = await startScriptedServer();
    const page = { jobs: [], nextPageToken: "next" };
    const fetch = async () => Object.defineProperty(Response.json(page), "body", { value: undefined });
    await expect(listJobs({ baseUrl: server.baseUrl, fetch })).resolves.toEqual(page);
  });

  test("an error has only values of the types that callers rely on", async () => {
    const odd = { reason: "RATE_LIMITED", message: { a: 1 }, requestId: ["r"], details: { "0": null } };
    server = await startScriptedServer(json(429, odd), json(429, { ...odd, details: [null, "x", { "@type": "T" }] }));
    const refused = () => getSession({ baseUrl: server.baseUrl }).catch((e: unknown) => e);
    const known = { reason: "RATE_LIMITED", message: "HTTP 429", requestId: undefined };
    expect(await refused()).toMatchObject({ ...known, details: [] });
    expect(await refused()).toMatchObject({ ...known, details: [{ "@type": "T" }] });
  });

  test.each([200, 503])("a body with status %i that doesn't end is not kept", async (status) => {
    server = await startScriptedServer();
    const mebibyte = new Uint8Array(1 << 20).fill(32);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(stream) {
          stream.enqueue(mebibyte);
          if (++sent === 80) stream.close(); // so that a client without a limit doesn't fill the memory
        },
      },
      { highWaterMark: 0 },
    );
    const fetch = async () => new Response(body, { status });
    await expect(listJobs({ baseUrl: server.baseUrl, fetch })).rejects.toMatchObject({ reason: "HTTP", status });
    expect(sent).toBe(65);
  });

  test("cancel posts to the job's verb and returns the job", async () => {
    server = await startScriptedServer(json(200, { job }));
    expect(await cancel({ jobId: "j 1", baseUrl: server.baseUrl, token: "t" })).toEqual(job);
    expect(server.received[0]).toMatchObject({ method: "POST", path: "/api/v1/jobs/j%201:cancel", body: "{}" });
    expect(server.received[0]?.headers.authorization).toBe("Bearer t");
  });

  test("confirm sends the decision", async () => {
    server = await startScriptedServer(json(200, { import: { importId: "i1" } }));
    await confirm({ importId: "i1", commit: true, baseUrl: server.baseUrl });
    expect(server.received[0]).toMatchObject({ path: "/api/v1/imports/i1:confirm", body: '{"commit":true}' });
  });

  test("an import is previewed and repeated with changes", async () => {
    server = await startScriptedServer(json(200, { preview: { fileName: "a.csv" }, import: { importId: "i2" } }));
    const options = { importId: "i1", baseUrl: server.baseUrl };
    const question = importQuestion(options);
    expect(await question.preview()).toEqual({ fileName: "a.csv" });
    const mapping = [{ sheet: "areas" }];
    await question.preview(mapping, { textFormat: { encoding: "UTF-8" } });
    expect(await repeatImport({ ...options, changes: { mapping, dryRun: false } })).toEqual({ importId: "i2" });
    expect(server.received.map(({ path, body }) => [path, body])).toEqual([
      ["/api/v1/imports/i1:preview", "{}"],
      ["/api/v1/imports/i1:preview", '{"mapping":[{"sheet":"areas"}],"textFormat":{"encoding":"UTF-8"}}'],
      ["/api/v1/imports/i1:repeat", '{"mapping":[{"sheet":"areas"}],"dryRun":false}'],
    ]);
  });

  test("mappings are listed, saved, and deleted below their schema", async () => {
    const saved = { name: "Bank", owner: "ann", shared: true, mapping: [{ sheet: "areas" }] };
    server = await startScriptedServer(json(200, { mappings: [saved], mapping: saved }));
    const options = { baseUrl: server.baseUrl, schema: "a b", name: "Mai ?" };
    expect(await listMappings(options)).toEqual([saved]);
    expect(await saveMapping({ ...options, mapping: [{ sheet: "areas" }], shared: true })).toEqual(saved);
    await deleteMapping(options);
    expect(server.received.map(({ method, path, body }) => [method, path, body])).toEqual([
      ["GET", "/api/v1/schemas/a%20b/mappings", ""],
      ["PUT", "/api/v1/schemas/a%20b/mappings/Mai%20%3F", '{"mapping":[{"sheet":"areas"}],"shared":true}'],
      ["DELETE", "/api/v1/schemas/a%20b/mappings/Mai%20%3F", ""],
    ]);
  });

  test("lists send their filters as a query, with one parameter per value of a list", async () => {
    server = await startScriptedServer(json(200, { jobs: [], issues: [], nextPageToken: "" }));
    await listJobs({ baseUrl: server.baseUrl, statuses: ["active", "queued"], pageSize: 5 });
    await listIssues({ baseUrl: server.baseUrl, importId: "i1", search: "D&T", code: "reference_missing" });
    expect(server.received.map((request) => request.path)).toEqual([
      "/api/v1/jobs?statuses=active&statuses=queued&pageSize=5",
      "/api/v1/imports/i1/issues?code=reference_missing&search=D%26T",
    ]);
  });

  test("createJob and remove use JSON and accept an empty response", async () => {
    server = await startScriptedServer(json(200, { job }), json(200, {}));
    await createJob({ baseUrl: server.baseUrl, job: { kind: "media", payload: { size: 4 } } });
    await remove({ baseUrl: server.baseUrl, jobId: "j1" });
    expect(server.received[0]?.body).toBe('{"kind":"media","payload":{"size":4}}');
    expect(server.received[1]?.method).toBe("DELETE");
  });

  test("an error has the server's reason, request ID, and Retry-After", async () => {
    server = await startScriptedServer(refusal(429, "RATE_LIMITED", { "Retry-After": "7" }));
    const error = await getSession({ baseUrl: server.baseUrl }).catch((e: unknown) => e as HeadwayError);
    expect(error).toMatchObject({ reason: "RATE_LIMITED", requestId: "r-1", retryAfterMs: 7000, temporary: true });
  });

  test("a proxy's error page rejects the call", async () => {
    server = await startScriptedServer((_request, response) => {
      response.writeHead(502, { "Content-Type": "text/html" }).end("<h1>Bad gateway</h1>");
    });
    await expect(getSession({ baseUrl: server.baseUrl })).rejects.toMatchObject({ status: 502, reason: "HTTP" });
  });

  test("an unreachable server has the reason NETWORK", async () => {
    server = await startScriptedServer(json(200, {}));
    await server.close();
    await expect(getSession({ baseUrl: server.baseUrl })).rejects.toMatchObject({ status: 0, reason: "NETWORK" });
  });

  test("download uses the file name of the server", async () => {
    server = await startScriptedServer((_request, response) => {
      response.writeHead(200, { "Content-Disposition": 'attachment; filename="workforce-sample.xlsx"' }).end("PK");
    });
    const file = await download({ baseUrl: server.baseUrl, path: samplePath("workforce", { rows: 10, seed: 0 }) });
    expect(file.name).toBe("workforce-sample.xlsx");
    expect(server.received[0]?.path).toBe("/api/v1/schemas/workforce/sample.xlsx?rows=10&seed=0");
  });

  test.each([
    ["filename=\"______.xlsx\"; filename*=UTF-8''%D0%9B%D1%8E%D0%B4%D0%B8.xlsx", "Люди.xlsx"],
    ["filename*=utf-8''%E5%91%98%E5%B7%A5%20%F0%9F%9A%80.xlsx; filename=x", "员工 🚀.xlsx"],
    ["filename=\"plain.xlsx\"; filename*=UTF-8''%ZZ", "plain.xlsx"],
  ])("download decodes the name in %s", async (parameters, name) => {
    server = await startScriptedServer((_request, response) => {
      response.writeHead(200, { "Content-Disposition": `attachment; ${parameters}` }).end("PK");
    });
    expect((await download({ baseUrl: server.baseUrl, path: "/api/v1/x" })).name).toBe(name);
  });

  test("download falls back to the path for the file name", async () => {
    server = await startScriptedServer((_request, response) => {
      response.writeHead(200).end("PK");
    });
    const file = await download({ baseUrl: server.baseUrl, path: "/api/v1/schemas/workforce/sample.xlsx?seed=a/b" });
    expect(file.name).toBe("sample.xlsx");
  });

  test("toSnapshot converts a polled job to the streams' shape", () => {
    const snapshot = toSnapshot({
      ...job,
      status: "failed",
      progress: { percent: 40, message: "m", currentStep: "employees", steps: [], rate: 2, stalled: false },
      error: { reason: "WORKER_FAILED", message: "It broke", attempt: 1 },
    } as unknown as Parameters<typeof toSnapshot>[0]);
    expect(snapshot).toMatchObject({
      progress: 40,
      step: "employees",
      failedReason: "It broke",
      reason: "WORKER_FAILED",
    });
  });
});

describe("uploading", () => {
  const accepted = { import: { importId: "i1" }, replayed: false, links: {} };

  test("sends the fields in the query by fetch", async () => {
    server = await startScriptedServer(json(202, accepted));
    const file = new File(["PK workbook"], "people.xlsx");
    const answer = await uploadWorkbook({
      file,
      schema: "workforce",
      onIssues: "review",
      dryRun: true,
      requestId: "r1",
      baseUrl: server.baseUrl,
    });
    expect(answer.import.importId).toBe("i1");
    const query = new URLSearchParams(server.received[0]?.path.split("?")[1]);
    expect(Object.fromEntries(query)).toEqual({
      schema: "workforce",
      on_issues: "review",
      dry_run: "true",
      request_id: "r1",
      file_name: "people.xlsx",
    });
    expect(server.received[0]?.body).toBe("PK workbook");
  });

  test("is retried with the same request ID when the server is busy", async () => {
    server = await startScriptedServer(refusal(503, "UNAVAILABLE"), json(202, accepted));
    await uploadWorkbook({ file: new Blob(["PK"]), baseUrl: server.baseUrl });
    const ids = server.received.map(({ path }) => /request_id=([A-Za-z0-9._:-]+)/.exec(path)?.[1]);
    expect(ids[0]).toBeTruthy();
    expect(ids[1]).toBe(ids[0]);
  });

  test("is retried after a page of a proxy instead of the import", async () => {
    const page: Answer = (_request, response) => void response.writeHead(200).end("<h1>Sign in</h1>");
    server = await startScriptedServer(page, json(202, { import: { importId: "i1" } }));
    const accepted = await uploadWorkbook({ baseUrl: server.baseUrl, file: new Blob(["PK"]) });
    expect(accepted.import.importId).toBe("i1");
    const preview = previewFile({ baseUrl: server.baseUrl, file: new Blob(["PK"]) });
    await expect(preview).rejects.toMatchObject({ reason: "HTTP", status: 502 });
  });

  test("is not retried when the file is refused", async () => {
    server = await startScriptedServer(refusal(400, "NOT_A_WORKBOOK"));
    await expect(uploadWorkbook({ file: new Blob(["x"]), baseUrl: server.baseUrl })).rejects.toBeInstanceOf(
      HeadwayError,
    );
    expect(server.received).toHaveLength(1);
  });
});

describe("reading output", () => {
  const piece = (offset: number, end: number, fields: object) =>
    `id: ${end}\ndata: ${JSON.stringify({ type: "output", offset, ...fields })}\n\n`;
  const over = event(9, { status: "completed" }).replace("id: 9\n", "");

  test("resumes after the last byte when the connection was lost, without gaps or overlaps", async () => {
    server = await startScriptedServer(
      stream([connected, piece(0, 5, { text: "Hello" })]),
      stream([
        connected,
        piece(3, 8, { text: "lo, w" }),
        piece(8, 11, { data: Buffer.from([0xff, 0, 1]).toString("base64") }),
        over,
      ]),
    );
    const bytes: number[] = [];
    const reader = readOutput({ jobId: "j1", kind: "story", baseUrl: server.baseUrl });
    for await (const { bytes: more } of reader) bytes.push(...more);
    expect(Buffer.from(bytes).toString("latin1")).toBe("Hello, w\u00ff\0\u0001");
    expect(await reader.done).toBe(11);
    expect(server.received[1]?.headers["last-event-id"]).toBe("5");
  });

  test("starts at the given offset", async () => {
    server = await startScriptedServer(stream([connected, piece(4, 6, { text: "ab" }), over]));
    const offsets: number[] = [];
    await readOutput({
      jobId: "j1",
      kind: "story",
      offset: 4,
      baseUrl: server.baseUrl,
      onChunk: (p) => offsets.push(p.offset),
    }).done;
    expect(offsets).toEqual([4]);
    expect(server.received[0]?.headers["last-event-id"]).toBe("4");
  });
});

test("a stream can use a custom transport", async () => {
  server = await startScriptedServer(json(500, {}));
  const last = await watchJob({
    jobId: "j1",
    kind: "import",
    transport: async (_options, path, _lastEventId, onMessage) => {
      onMessage({ type: "job_update", jobId: "j1", status: "completed", revision: 3, message: path } as never, "3");
    },
  }).done;
  expect(last?.message).toBe("/api/v1/sse/jobs/import/j1");
});
