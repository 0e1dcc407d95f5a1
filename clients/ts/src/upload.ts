import { authorize, type CallOptions, canRefresh, HeadwayError, send, toError } from "./connection.js";
import { pause } from "./stream.js";
import type { AcceptedImport, ImportMode, OnIssues } from "./types.js";

/** What to upload, and how to import it. */
export interface UploadOptions extends CallOptions {
  file: Blob;
  /** The name shown for it; the file's own by default. */
  fileName?: string | undefined;
  /** The schema to check against; `workforce` by default. */
  schema?: string | undefined;
  /** What happens when rows have issues; `abort` by default. */
  onIssues?: OnIssues | undefined;
  /** What rows may do; `upsert` by default. */
  mode?: ImportMode | undefined;
  /** Do everything and roll it back. */
  dryRun?: boolean | undefined;
  /** Names this upload, so that repeating it gives the same import. A fresh one by default. */
  requestId?: string | undefined;
  /** Told as bytes leave, in browsers. */
  onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** How often to try again when the connection breaks or the server is busy; 2 by default. */
  retries?: number | undefined;
}

/** How much of an upload has left. */
export interface UploadProgress {
  /** Bytes that have left. */
  loaded: number;
  /** Bytes in all. */
  total: number;
}

/**
 * Uploads a workbook and gives the accepted import, which is still to run: watch it with `watchImport`. A broken upload
 * is tried again under the same request id, so rows never double. Aborting the signal cancels the upload.
 */
export async function uploadWorkbook(options: UploadOptions): Promise<AcceptedImport> {
  const requestId = options.requestId ?? randomId();
  let triesLeft = options.retries ?? 2;
  for (let refused = false; ; ) {
    try {
      return await uploadOnce(options, requestId, refused);
    } catch (error) {
      if (!(error instanceof HeadwayError) || options.signal?.aborted) throw error;
      if (error.status === 401 && !refused && canRefresh(options)) {
        refused = true;
      } else if (error.temporary && triesLeft-- > 0) {
        await pause(Math.max(error.retryAfterMs, 500 + Math.random() * 1000), options.signal);
      } else throw error;
    }
  }
}

async function uploadOnce(options: UploadOptions, requestId: string, refused: boolean): Promise<AcceptedImport> {
  const path = "/api/v1/imports";
  const body = toForm(options, requestId);
  if (typeof XMLHttpRequest === "undefined") {
    return (await (await send(options, path, { method: "POST", body })).json()) as AcceptedImport;
  }
  const headers = await authorize(options, refused);
  options.signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const { signal, onProgress } = options;
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open("POST", (options.baseUrl ?? "") + path);
    request.withCredentials = options.credentials === "include";
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress?.({ loaded, total });
    request.onload = () => {
      const { status, responseText } = request;
      if (status < 300) resolve(JSON.parse(responseText) as AcceptedImport);
      else reject(toError(status, responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(new HeadwayError());
    request.onabort = () => reject(signal?.reason);
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    signal?.addEventListener("abort", abort);
    request.send(body);
  });
}

/** The fields come before the file, so that the server knows them when the first byte arrives. */
function toForm(options: UploadOptions, requestId: string): FormData {
  const form = new FormData();
  const fields = {
    schema: options.schema,
    on_issues: options.onIssues,
    mode: options.mode,
    dry_run: options.dryRun,
    request_id: requestId,
  };
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.append(name, String(value));
  form.append("file", options.file, options.fileName ?? (options.file as File).name ?? "workbook.xlsx");
  return form;
}

/** 128 random bits; crypto.randomUUID exists on secure origins only. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (word) => word.toString(36)).join("-");
}
