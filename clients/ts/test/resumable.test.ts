// Length: all tests of resumable uploads share one server and one storage.
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HeadwayError } from "../src/index.js";
import { type ResumableUploadOptions, startUpload, uploadResumably } from "../src/uploads/resumable.js";
import { Locks } from "./locks.js";
import { type Intercept, refuseWith, UploadServer } from "./upload-server.js";

const content = Array.from({ length: 4000 }, (_, index) => `row ${index}`).join("\n");
const file = new File([content], "Größe.xlsx", { lastModified: 7 });

let server: UploadServer;
let baseUrl: string;
let memory: Map<string, string>;
let storage: NonNullable<ResumableUploadOptions["storage"]>;
beforeEach(async () => {
  server = new UploadServer();
  baseUrl = await server.start();
  memory = new Map();
  storage = {
    getItem: (key) => memory.get(key) ?? null,
    setItem: (key, value) => void memory.set(key, value),
    removeItem: (key) => void memory.delete(key),
  };
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await server.stop();
});

const upload = (options: Partial<ResumableUploadOptions> = {}) =>
  uploadResumably({ baseUrl, file, user: "ann", storage, ...options });

const arrived = (id: string) => server.uploads.get(id)?.bytes.toString();

describe("a resumable upload", () => {
  test("creates the upload, sends the file, and starts the import, with the form's fields as metadata", async () => {
    const told: number[] = [];
    const accepted = await upload({
      onIssues: "review",
      requestId: "r1",
      onProgress: ({ loaded }) => told.push(loaded),
    });
    expect(accepted.import?.importId).toBe("import of u1");
    expect(server.log).toEqual(["POST", "PATCH from 0", "import"]);
    expect(arrived("u1")).toBe(content);
    const metadata = server.uploads
      .get("u1")
      ?.metadata.split(",")
      .map((pair) => {
        const [name, value] = pair.split(" ");
        return `${name}=${Buffer.from(value ?? "", "base64")}`;
      });
    expect(metadata).toEqual(["filename=Größe.xlsx", "on_issues=review", "request_id=r1"]);
    expect(told.at(-1)).toBe(file.size);
  });

  test("resumes with the next byte after a lost connection", async () => {
    server.intercepts.PATCH = [server.breakAfter(1000)];
    const phases: string[] = [];
    await upload({ onConnection: ({ phase }) => phases.push(phase) });
    expect(server.log).toEqual(["POST", "PATCH from 0", "HEAD", "PATCH from 1000", "import"]);
    expect(arrived("u1")).toBe(content);
    expect(phases).toEqual(["open", "retrying", "open"]);
  });

  test("sends parts up to the given size", async () => {
    await upload({ partBytes: Math.ceil(file.size / 3) });
    expect(server.log.filter((entry) => entry.startsWith("PATCH"))).toHaveLength(3);
    expect(arrived("u1")).toBe(content);
  });

  test.each([
    ["another request has locked the upload", 423, "UPLOAD_BUSY"],
    ["the offset is wrong", 409, "UPLOAD_OFFSET_MISMATCH"],
    ["the server is busy", 429, "UPLOAD_LIMIT"],
    ["the server is unavailable", 503, "UNAVAILABLE"],
  ])("asks for the offset and resumes when %s", async (_when, status, reason) => {
    server.intercepts.PATCH = [refuseWith(status, reason)];
    await upload();
    expect(server.log).toEqual(["POST", "PATCH from 0", "HEAD", "PATCH from 0", "import"]);
  });

  test("asks for a fresh token when the last one is refused", async () => {
    server.intercepts.PATCH = [refuseWith(401, "TOKEN_EXPIRED")];
    const asked: boolean[] = [];
    await upload({
      token: (refused) => {
        asked.push(refused);
        return "token";
      },
    });
    expect(asked).toContain(true);
    expect(arrived("u1")).toBe(content);
  });

  test("asks for the import again when its response was lost", async () => {
    server.intercepts.import = [
      (_request, response) => {
        response.destroy();
        return true;
      },
    ];
    const accepted = await upload();
    expect(accepted.import?.importId).toBe("import of u1");
    expect(server.log).toEqual(["POST", "PATCH from 0", "import", "HEAD", "import"]);
  });

  test("starts again when the server has deleted it", async () => {
    server.intercepts.PATCH = [
      (request, response) => {
        server.uploads.clear();
        return refuseWith(503, "UNAVAILABLE")(request, response);
      },
    ];
    await upload();
    expect(server.log).toEqual(["POST", "PATCH from 0", "HEAD", "POST", "PATCH from 0", "import"]);
  });

  test("is created again after a page of a proxy, or an address on another server", async () => {
    const page =
      (headers: Record<string, string>): Intercept =>
      (_request, response) => {
        response.writeHead(200, headers).end("<h1>Sign in</h1>");
        return true;
      };
    server.intercepts.POST = [page({}), page({ Location: `${baseUrl}/steal` })];
    await upload();
    expect(server.log).toEqual(["POST", "POST", "POST", "PATCH from 0", "import"]);
    expect(arrived("u1")).toBe(content);
  });

  test.each(["-5", "1.5", "x", "", "999999999"])("asks again after the offset %j", async (offset) => {
    server.intercepts.PATCH = [refuseWith(503, "UNAVAILABLE")];
    server.intercepts.HEAD = [
      (_request, response) => {
        response.writeHead(200, { "Upload-Offset": offset }).end();
        return true;
      },
    ];
    await upload();
    expect(server.log).toEqual(["POST", "PATCH from 0", "HEAD", "HEAD", "PATCH from 0", "import"]);
    expect(arrived("u1")).toBe(content);
  });

  test("stops if the server keeps losing what it has acknowledged", async () => {
    const lose: Intercept = (request, response) => {
      request.resume();
      response.writeHead(204).end();
      return true;
    };
    server.intercepts.PATCH = [lose, lose, lose, lose, lose];
    await expect(upload({ retries: 2 })).rejects.toMatchObject({ reason: "UPLOAD_INCOMPLETE" });
    expect(server.log.filter((entry) => entry.startsWith("PATCH")).length).toBe(3);
  });

  test("stops if the server keeps losing whole uploads", async () => {
    const lose: Intercept = async (request, response) => {
      server.uploads.clear();
      return refuseWith(404, "UPLOAD_NOT_FOUND")(request, response);
    };
    server.intercepts.import = [lose, lose, lose, lose, lose];
    await expect(upload({ retries: 2 })).rejects.toMatchObject({ reason: "UPLOAD_NOT_FOUND" });
    expect(server.log.filter((entry) => entry === "POST").length).toBe(3);
  });

  test("ends with the importer's reason, and removes the upload", async () => {
    server.intercepts.import = [refuseWith(400, "NOT_A_WORKBOOK")];
    await expect(upload()).rejects.toMatchObject({ reason: "NOT_A_WORKBOOK" });
    expect(server.uploads.size).toBe(0);
    expect(memory.size).toBe(0);
  });

  test("stops after the maximum number of retries without progress", async () => {
    server.intercepts.PATCH = [refuseWith(503, "UNAVAILABLE"), refuseWith(503, "UNAVAILABLE")];
    await expect(upload({ retries: 1 })).rejects.toBeInstanceOf(HeadwayError);
    expect(memory.size, "it can be resumed later").toBe(1);
  });

  test("is deleted when its signal aborts", async () => {
    const leaving = new AbortController();
    server.intercepts.PATCH = [
      async () => {
        leaving.abort();
        await new Promise(() => {});
        return true;
      },
    ];
    await expect(upload({ signal: leaving.signal })).rejects.toMatchObject({ name: "AbortError" });
    expect(server.log.at(-1)).toBe("DELETE");
    expect(server.uploads.size).toBe(0);
    expect(memory.size).toBe(0);
  });
});

describe("a file that is uploaded again", () => {
  /** Uploads a part of the file, and then closes the page. */
  async function leaveInTheMiddle(options: Partial<ResumableUploadOptions> = {}) {
    server.intercepts.PATCH = [server.breakAfter(1000)];
    await upload({ retries: 0, ...options }).catch(() => {});
    server.log = [];
  }

  test("resumes after the user has closed the page", async () => {
    await leaveInTheMiddle();
    await upload({ file: new File([content], "Größe.xlsx", { lastModified: 7 }) });
    expect(server.log).toEqual(["HEAD", "PATCH from 1000", "import"]);
    expect(arrived("u1")).toBe(content);
    expect(memory.size).toBe(0);
  });

  test.each<[string, Partial<ResumableUploadOptions>]>([
    ["by another user", { user: "bob" }],
    ["with other options", { dryRun: true }],
    ["after a change", { file: new File([content], "Größe.xlsx", { lastModified: 8 }) }],
  ])("starts again %s", async (_how, options) => {
    await leaveInTheMiddle();
    await upload(options);
    expect(server.log).toEqual(["POST", "PATCH from 0", "import"]);
  });

  test("starts again without storage", async () => {
    await leaveInTheMiddle({ user: undefined });
    expect(memory.size).toBe(0);
    await upload({
      storage: {
        getItem: () => {
          throw new Error("forbidden");
        },
        setItem: () => {
          throw new Error("full");
        },
        removeItem: () => {},
      },
    });
    expect(server.log[0]).toBe("POST");
  });
});

describe("an upload that can be paused", () => {
  test("sends nothing while it is paused, and continues with the next byte", async () => {
    const { reached, intercept } = server.hold(1000);
    server.intercepts.PATCH = [intercept];
    const paused = startUpload({ baseUrl, file, user: "ann", storage, onRefused: () => {} });
    await reached;
    paused.pause();
    const before = server.log.length;
    expect(server.log).not.toContain("DELETE");
    paused.resume();
    await paused.done;
    expect(server.log.slice(before)).toEqual(["HEAD", "PATCH from 1000", "import"]);
    expect(arrived("u1")).toBe(content);
  });

  test("pauses when the server refuses the user, and continues after a new sign-in", async () => {
    server.intercepts.PATCH = [refuseWith(401, "TOKEN_EXPIRED")];
    const refusals: string[] = [];
    const paused: ReturnType<typeof startUpload> = startUpload({
      baseUrl,
      file,
      user: "ann",
      storage,
      onRefused: ({ reason }) => {
        refusals.push(reason);
        setTimeout(() => paused.resume());
      },
    });
    expect((await paused.done).import.importId).toBe("import of u1");
    expect(refusals).toEqual(["TOKEN_EXPIRED"]);
    expect(server.log).not.toContain("DELETE");
  });

  test("stays on the server when the server refuses the user and nothing resumes it", async () => {
    server.intercepts.PATCH = [refuseWith(401, "TOKEN_EXPIRED")];
    await expect(upload()).rejects.toMatchObject({ reason: "TOKEN_EXPIRED" });
    expect(server.uploads.size).toBe(1);
    expect(memory.size).toBe(1);
    await upload();
    expect(server.log.filter((method) => method === "POST")).toHaveLength(1);
  });

  test("can be cancelled while it is paused", async () => {
    const canceling = new AbortController();
    const paused = startUpload({ baseUrl, file, user: "ann", storage, signal: canceling.signal, onRefused: () => {} });
    paused.pause();
    canceling.abort();
    await expect(paused.done).rejects.toMatchObject({ name: "AbortError" });
    expect(memory.size).toBe(0);
  });

  test.each(["running", "paused"])("stops while it is %s, and a later one continues it", async (state) => {
    vi.stubGlobal("navigator", { locks: new Locks() });
    const { reached, intercept } = server.hold(1000);
    server.intercepts.PATCH = [intercept];
    const first = startUpload({ baseUrl, file, user: "ann", storage, onRefused: () => {} });
    await reached;
    if (state === "paused") first.pause();
    first.stop();
    await expect(first.done).rejects.toMatchObject({ name: "AbortError" });
    expect(memory.size).toBe(1);
    const second = await upload();
    expect(second.import.importId).toBe("import of u1");
    expect(server.log).toEqual(["POST", "PATCH from 0", "HEAD", "PATCH from 1000", "import"]);
  });
});

describe("an upload that asks about columns", () => {
  const mapping = [{ sheet: "employees", columns: { born_on: "Birthday" } }];

  test("keeps the bytes, previews them, and imports them with the answer", async () => {
    server.intercepts.import = [refuseWith(422, "MAPPING_UNCERTAIN"), refuseWith(422, "HEADER_MISSING")];
    const reasons: (string | undefined)[] = [];
    const accepted = await upload({
      onMapping: async ({ error, preview }) => {
        reasons.push(error?.reason);
        expect((await preview(mapping)).fileName).toBe("preview of u1");
        return mapping;
      },
    });
    expect(accepted.import.importId).toBe("import of u1");
    expect(reasons).toEqual(["MAPPING_UNCERTAIN", "HEADER_MISSING"]);
    expect(server.log.filter((entry) => entry.startsWith("PATCH"))).toEqual(["PATCH from 0"]);
    expect(server.mappings).toEqual([{ mapping }, { mapping }, { mapping }]);
    expect(server.uploads.get("u1")?.metadata).toContain(`confirm_mapping ${btoa("true")}`);
  });

  test("imports with the formats of the answer, and asks again with them", async () => {
    server.intercepts.import = [refuseWith(422, "MAPPING_UNCERTAIN"), refuseWith(422, "HEADER_MISSING")];
    const textFormats = { "a.csv": { delimiter: ";" } };
    const formats: unknown[] = [];
    await upload({
      onMapping: async (question) => {
        formats.push(question.formats);
        await question.preview(undefined, { textFormats });
        return { mapping, textFormats };
      },
    });
    expect(formats).toEqual([undefined, { textFormats }]);
    expect(server.mappings).toEqual([{ textFormats }, { textFormats }, { mapping, textFormats }]);
  });

  test("asks before the import if it must be reviewed", async () => {
    const errors: unknown[] = [];
    await upload({
      reviewMapping: true,
      onMapping: async ({ error }) => {
        errors.push(error);
        return mapping;
      },
    });
    expect(errors).toEqual([undefined]);
    expect(server.log).toEqual(["POST", "PATCH from 0", "import"]);
    expect(server.mappings).toEqual([{ mapping }]);
  });

  test("sends the same answer after a lost response, and does not ask again", async () => {
    server.intercepts.import = [refuseWith(422, "MAPPING_UNCERTAIN"), refuseWith(503, "UNAVAILABLE")];
    let asked = 0;
    await upload({ onMapping: () => Promise.resolve(mapping).finally(() => asked++) });
    expect(asked).toBe(1);
    expect(server.mappings).toEqual([{ mapping }]);
  });

  test("waits for the same answer when the browser comes online meanwhile", async () => {
    server.intercepts.import = [refuseWith(422, "MAPPING_UNCERTAIN")];
    const browser = new EventTarget();
    vi.stubGlobal("addEventListener", browser.addEventListener.bind(browser));
    let asked = 0;
    let answer = (_: typeof mapping) => {};
    let ask = () => {};
    const asking = new Promise<void>((resolve) => {
      ask = resolve;
    });
    const done = upload({
      onMapping: () => {
        asked++;
        ask();
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
    });
    await asking;
    const heads = () => server.log.filter((entry) => entry === "HEAD").length;
    await vi.waitUntil(() => heads() === 1);
    browser.dispatchEvent(new Event("online"));
    await vi.waitUntil(() => heads() === 2);
    answer(mapping);
    expect((await done).import.importId).toBe("import of u1");
    expect(asked).toBe(1);
  });

  test("deletes the upload when the user cancels instead of answering", async () => {
    server.intercepts.import = [refuseWith(422, "MAPPING_UNCERTAIN")];
    const canceling = new AbortController();
    const done = upload({
      signal: canceling.signal,
      onMapping: () => {
        canceling.abort();
        return new Promise(() => {});
      },
    });
    await expect(done).rejects.toMatchObject({ name: "AbortError" });
    expect(server.uploads.size).toBe(0);
    expect(memory.size).toBe(0);
  });

  test("is refused and deleted without onMapping", async () => {
    server.intercepts.import = [refuseWith(422, "HEADER_MISSING")];
    await expect(upload()).rejects.toMatchObject({ reason: "HEADER_MISSING" });
    expect(server.uploads.size).toBe(0);
  });
});
