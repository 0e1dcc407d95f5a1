import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HeadwayError, uploadWorkbook } from "../src/index.js";

/** A browser's request, whose events the test fires. */
class FakeRequest {
  static all: FakeRequest[] = [];
  upload: { onprogress?: (progress: object) => void; onload?: () => void } = {};
  status = 202;
  responseText = '{"import":{"importId":"i1"}}';
  aborted = false;
  onload = () => {};
  onabort = () => {};
  onprogress = (_: { loaded: number }) => {};
  onloadend = () => {};
  constructor() {
    FakeRequest.all.push(this);
  }
  open() {}
  setRequestHeader() {}
  body: FormData | undefined;
  send(body: FormData) {
    this.body = body;
  }
  getResponseHeader() {
    return null;
  }
  abort() {
    this.aborted = true;
    this.onabort();
    this.onloadend();
  }
  answer() {
    this.onload();
    this.onloadend();
  }
}

beforeEach(() => {
  FakeRequest.all = [];
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
  vi.stubGlobal("XMLHttpRequest", FakeRequest);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Starts an upload, and returns its result and its request. */
async function begin(retries = 0) {
  const result = uploadWorkbook({ file: new Blob(["PK"]), retries }).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(0);
  const [request] = FakeRequest.all;
  if (!request) throw new Error("nothing was sent");
  return { result, request };
}

describe("an upload over a connection that falls silent", () => {
  test("ends after half a minute without progress", async () => {
    const { result, request } = await begin();
    for (let loaded = 1; loaded < 20; loaded++) {
      await vi.advanceTimersByTimeAsync(25_000);
      request.upload.onprogress?.({ loaded, total: 20 });
    }
    expect(request.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(request.aborted).toBe(true);
    const error = await result;
    expect(error).toBeInstanceOf(HeadwayError);
    expect((error as HeadwayError).temporary).toBe(true);
  });

  test("ends when the response never ends", async () => {
    const { result, request } = await begin();
    for (let loaded = 1; loaded < 4; loaded++) {
      request.onprogress({ loaded });
      await vi.advanceTimersByTimeAsync(20_000);
    }
    expect(request.aborted).toBe(true);
    expect(await result).toMatchObject({ reason: "NETWORK" });
  });

  test("ends when the response is too long", async () => {
    const { result, request } = await begin();
    request.onprogress({ loaded: 64 * 1024 * 1024 });
    expect(request.aborted).toBe(false);
    request.onprogress({ loaded: 64 * 1024 * 1024 + 1 });
    expect(request.aborted).toBe(true);
    expect(await result).toBeInstanceOf(HeadwayError);
  });

  test("is sent again", async () => {
    const { result } = await begin(1);
    await vi.advanceTimersByTimeAsync(33_000);
    expect(FakeRequest.all.length).toBe(2);
    FakeRequest.all[1]?.answer();
    expect(await result).toEqual({ import: { importId: "i1" } });
  });

  test("waits ten minutes for the check of a large file", async () => {
    const { result, request } = await begin();
    request.upload.onload?.();
    await vi.advanceTimersByTimeAsync(599_000);
    expect(request.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await result).toBeInstanceOf(HeadwayError);
  });

  test("continues after the computer has slept", async () => {
    const { result, request } = await begin();
    const woken = performance.now() + 3_600_000;
    vi.spyOn(performance, "now").mockImplementation(() => woken);
    await vi.advanceTimersByTimeAsync(5000);
    expect(request.aborted).toBe(false);
    request.answer();
    expect(await result).toEqual({ import: { importId: "i1" } });
    expect(vi.getTimerCount()).toBe(0);
  });
});

test("a browser sends the fields of the form before the file", async () => {
  const file = new File(["PK workbook"], "people.xlsx");
  const result = uploadWorkbook({ file, schema: "workforce", onIssues: "review", dryRun: true, requestId: "r1" });
  await vi.advanceTimersByTimeAsync(0);
  const [request] = FakeRequest.all;
  expect([...(request?.body?.keys() ?? [])]).toEqual(["schema", "on_issues", "dry_run", "request_id", "file"]);
  expect(request?.body?.get("file")).toHaveProperty("name", "people.xlsx");
  request?.answer();
  expect(await result).toEqual({ import: { importId: "i1" } });
});
