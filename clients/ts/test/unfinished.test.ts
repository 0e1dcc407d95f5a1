import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  startUpload,
  type UnfinishedUpload,
  unfinishedUploads,
  uploadResumably,
  watchUnfinished,
} from "../src/uploads/resumable.js";
import { Locks } from "./locks.js";
import { refuseWith, UploadServer } from "./upload-server.js";

const file = new File(["PK".repeat(2000)], "Größe.xlsx", { lastModified: 7 });

let server: UploadServer;
let baseUrl: string;
beforeEach(async () => {
  server = new UploadServer();
  baseUrl = await server.start();
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await server.stop();
});

describe("the list of unfinished uploads", () => {
  /** A browser: its tabs share the storage and the locks. */
  const browser = () => {
    const window = new EventTarget();
    const storage = Object.create({
      getItem: (key: string) => stored()[key] ?? null,
      setItem: (key: string, value: string) => {
        storage[key] = value;
        changed(key);
      },
      removeItem: (key: string) => {
        delete storage[key];
        changed(key);
      },
    });
    const stored = () => storage as Record<string, string>;
    // A browser sends the event to the other tabs only. Here it is the tab that lists.
    const changed = (key: string) => window.dispatchEvent(Object.assign(new Event("storage"), { key }));
    vi.stubGlobal("localStorage", storage);
    vi.stubGlobal("navigator", { locks: new Locks() });
    vi.stubGlobal("addEventListener", window.addEventListener.bind(window));
    vi.stubGlobal("removeEventListener", window.removeEventListener.bind(window));
    return { storage: stored() };
  };

  /** Follows the list, and returns its changes as texts. */
  const follow = () => {
    const seen: string[] = [];
    const words = (uploads: UnfinishedUpload[]) =>
      uploads.map(({ fileName, running }) => `${fileName} ${running ? "running" : "interrupted"}`).join(", ") || "none";
    const end = watchUnfinished({ baseUrl, user: "ann" }, (uploads) => {
      const now = words(uploads);
      if (now !== seen.at(-1)) seen.push(now);
    });
    const becomes = (...expected: string[]) => vi.waitFor(() => expect(seen).toEqual(expected));
    return { becomes, end };
  };

  test("shows an upload of another tab as running until it has finished", async () => {
    browser();
    const { becomes, end } = follow();
    await becomes("none");
    const { reached, intercept } = server.hold(1000);
    server.intercepts.PATCH = [intercept];
    const other = startUpload({ baseUrl, file, user: "ann", onRefused: () => {} });
    await reached;
    await becomes("none", "Größe.xlsx running");
    other.pause();
    other.resume();
    await other.done;
    await becomes("none", "Größe.xlsx running", "none");
    end();
  });

  test("shows it as interrupted when that tab closes", async () => {
    browser();
    const { reached, intercept } = server.hold(1000);
    server.intercepts.PATCH = [intercept];
    const other = startUpload({ baseUrl, file, user: "ann", onRefused: () => {} });
    const stopped = expect(other.done).rejects.toMatchObject({ name: "AbortError" });
    await reached;
    const { becomes, end } = follow();
    await becomes("Größe.xlsx running");
    other.stop();
    await becomes("Größe.xlsx running", "Größe.xlsx interrupted");
    end();
    await stopped;
  });

  test("ignores entries of other programs, and works without locks", async () => {
    const { storage } = browser();
    vi.stubGlobal("navigator", {});
    server.intercepts.PATCH = [refuseWith(401, "TOKEN_EXPIRED")];
    Object.assign(storage, { "headway upload ": "1", "headway upload {}": "{", other: "x" });
    await expect(uploadResumably({ baseUrl, file, user: "ann" })).rejects.toMatchObject({ reason: "TOKEN_EXPIRED" });
    const list = await unfinishedUploads({ baseUrl, user: "ann" });
    expect(list).toMatchObject([{ fileName: "Größe.xlsx", running: false, size: file.size }]);
    expect(await unfinishedUploads({ baseUrl, user: "bob" })).toEqual([]);
  });
});
