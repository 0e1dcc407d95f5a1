/** Uploads that resume where they were interrupted, by tus 1.0.0 (https://tus.io/protocols/resumable-upload). */
import { type CallOptions, canRefresh, HeadwayError, send } from "../rest/connection.js";
import type { AcceptedImport } from "../rest/types.js";
import { backoff, pause } from "../rest/wait.js";
import { forget, keyOf, recall, remember } from "./memory.js";
import { fileNameOf, type ResumableUploadOptions, toFields } from "./options.js";
import { randomId, sendBody } from "./upload.js";

export type { ResumableUploadOptions } from "./options.js";

const path = "/api/v1/uploads";
const tus = { "Tus-Resumable": "1.0.0" };
/** A connection without progress for this long is dead. */
const silenceMs = 30_000;

/** The statuses of an upload that the server has deleted. It can't be resumed. */
const lost = [404, 410];

/**
 * Uploads a workbook like `uploadWorkbook`, and returns the accepted import. It never sends a byte twice that the server
 * has. It resumes after a lost connection, a restart of the server, and, with `user`, a reload of the page. Aborting the
 * signal deletes the upload on the server.
 */
export async function uploadResumably(options: ResumableUploadOptions): Promise<AcceptedImport> {
  const key = keyOf(options);
  const locks = key === undefined ? undefined : globalThis.navigator?.locks;
  if (!key || !locks) return upload(options, key);
  // Two tabs with the same file are two uploads. Only one of them can resume the remembered upload.
  return locks.request(key, { ifAvailable: true }, (lock) => upload(options, lock ? key : undefined));
}

async function upload(options: ResumableUploadOptions, key: string | undefined): Promise<AcceptedImport> {
  const { signal, onConnection, retries = 10 } = options;
  let address = recall(options.storage, key);
  let requestId = options.requestId ?? randomId();
  let arrived = 0;
  let failures = 0;
  const tell = (loaded: number) => options.onProgress?.({ loaded, total: options.file.size });
  const advance = (offset: number) => {
    if (offset > arrived) failures = 0;
    arrived = offset;
    tell(offset);
  };

  for (let refused = false; ; ) {
    try {
      signal?.throwIfAborted();
      if (address === undefined) {
        const created = await create(options, requestId, refused);
        address = created.address;
        remember(options.storage, key, address, created.expires);
        advance(0);
      } else {
        advance(await offsetOf(options, address, refused));
      }
      refused = false;
      onConnection?.({ phase: "open" });
      while (arrived < options.file.size) advance(await sendPart(options, address, arrived, tell));
      const id = address.split("/").pop() ?? "";
      const accepted = await send(options, `/api/v1/imports?upload_id=${encodeURIComponent(id)}`, { method: "POST" });
      forget(options.storage, key);
      return (await accepted.json()) as AcceptedImport;
    } catch (error) {
      if (signal?.aborted) {
        forget(options.storage, key);
        if (address) await remove(options, address);
        throw error;
      }
      if (!(error instanceof HeadwayError)) throw error;
      if (address !== undefined && lost.includes(error.status)) {
        // The upload has expired, or the server has lost it. Start a new one.
        forget(options.storage, key);
        address = undefined;
        requestId = options.requestId ?? randomId();
        failures++;
      } else if (error.status === 401 && !refused && canRefresh(options)) {
        refused = true;
        continue;
      } else if (!error.temporary && ![409, 423].includes(error.status)) {
        forget(options.storage, key);
        if (address) await remove(options, address);
        throw error;
      } else if (globalThis.navigator?.onLine !== false) {
        failures++;
      }
      if (failures > retries) throw error;
      onConnection?.({ phase: "retrying", error });
      await pause(backoff(failures - 1, 500, error.retryAfterMs), signal);
    }
  }
}

/** Creates an upload (tus: Creation). */
async function create(options: ResumableUploadOptions, requestId: string, refused: boolean) {
  const fields = { filename: fileNameOf(options), ...toFields(options, requestId) };
  const metadata = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : `${name} ${toBase64(String(value))}`,
  );
  const headers = { ...tus, "Upload-Length": String(options.file.size), "Upload-Metadata": metadata.join(",") };
  const { headers: answer } = await send(options, path, { method: "POST", headers }, refused);
  // The server's own paths start at its prefix, and those of this client below the connection's address.
  const address = (answer.get("Location") ?? "").replace(/^.*(?=\/api\/v1\/)/, "");
  return { address, expires: Date.parse(answer.get("Upload-Expires") ?? "") || Date.now() + 3_600_000 };
}

/** Returns the number of bytes that the server has. This also ends a request that hangs on a dead connection. */
async function offsetOf(options: CallOptions, address: string, refused: boolean): Promise<number> {
  const { headers } = await send(options, address, { method: "HEAD", headers: tus, cache: "no-store" }, refused);
  return Number(headers.get("Upload-Offset"));
}

/** Sends the next part of the file, and returns the offset after it. */
async function sendPart(
  options: ResumableUploadOptions,
  address: string,
  offset: number,
  tell: (offset: number) => void,
): Promise<number> {
  const { file, signal, partBytes = file.size } = options;
  const part = file.slice(offset, offset + partBytes);
  const stopping = new AbortController();
  const stop = () => stopping.abort(signal?.reason);
  let watchdog = setTimeout(stop, silenceMs);
  signal?.addEventListener("abort", stop);
  const onProgress = ({ loaded }: { loaded: number }) => {
    clearTimeout(watchdog);
    watchdog = setTimeout(stop, silenceMs);
    tell(offset + loaded);
  };
  const headers = { ...tus, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) };
  try {
    await sendBody({ ...options, signal: stopping.signal, onProgress }, "PATCH", address, headers, part);
    return offset + part.size;
  } catch (error) {
    throw stopping.signal.aborted && !signal?.aborted ? new HeadwayError() : error;
  } finally {
    clearTimeout(watchdog);
    signal?.removeEventListener("abort", stop);
  }
}

/** Deletes an upload on the server (tus: Termination). If that fails, it expires by itself. */
async function remove({ signal: _, ...options }: CallOptions, address: string): Promise<void> {
  await send(options, address, { method: "DELETE", headers: tus, keepalive: true }).catch(() => {});
}

const toBase64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
