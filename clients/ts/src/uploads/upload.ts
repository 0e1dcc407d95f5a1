import { authorize, type CallOptions, canRefresh, HeadwayError, send, toError } from "../rest/connection.js";
import type { AcceptedImport, FilePreview } from "../rest/types.js";
import { backoff, now, pause } from "../rest/wait.js";
import { fileNameOf, toFields, type UploadOptions } from "./options.js";

/**
 * Uploads a workbook, and returns the accepted import. To follow the import, use `watchImport`. An interrupted upload is
 * sent again with the same request ID, so no row is imported twice. Aborting the signal cancels the upload.
 */
export async function uploadWorkbook(options: UploadOptions): Promise<AcceptedImport> {
  const requestId = options.requestId ?? randomId();
  let failures = 0;
  for (let refused = false; ; ) {
    try {
      return await uploadOnce(options, requestId, refused);
    } catch (error) {
      if (!(error instanceof HeadwayError) || options.signal?.aborted) throw error;
      if (error.status === 401 && !refused && canRefresh(options)) {
        refused = true;
      } else if (error.temporary && failures < (options.retries ?? 2)) {
        await pause(backoff(failures++, 1000, error.retryAfterMs), options.signal);
      } else throw error;
    }
  }
}

/**
 * Returns what a file has, and how it could be imported. The server stores nothing. For the preview of a large file that is
 * imported afterward, use `onMapping` of a resumable upload, which sends it once.
 */
export async function previewFile(options: UploadOptions): Promise<FilePreview> {
  const response = await send(options, "/api/v1/previews", { method: "POST", body: toForm(options, "") });
  return (await response.json()).preview;
}

async function uploadOnce(options: UploadOptions, requestId: string, refused: boolean): Promise<AcceptedImport> {
  const form = toForm(options, requestId);
  return JSON.parse(await sendBody({ ...options, answerMs }, "POST", "/api/v1/imports", {}, form, refused));
}

function toForm(options: UploadOptions, requestId: string): FormData {
  // The fields come before the file, so that the server knows them when the first byte of the file arrives.
  const form = new FormData();
  for (const [name, value] of Object.entries(toFields(options, requestId)))
    if (value !== undefined) form.append(name, String(value));
  form.append("file", options.file, fileNameOf(options));
  return form;
}

/** An upload without progress for this long is on a dead connection. */
const silenceMs = 30_000;
/** The server checks a large workbook before it responds. */
export const answerMs = 600_000;
const tickMs = 1000;

/**
 * Calls `stop` when nothing was heard for the limit. It counts the time by a clock that only moves forward, and a sleep
 * of the computer as one tick, so that the connection has time to continue afterwards.
 */
function watchSilence(stop: () => void) {
  let limitMs = silenceMs;
  let quietMs = 0;
  let last = now();
  const timer = setInterval(() => {
    const time = now();
    quietMs += Math.min(time - last, 2 * tickMs);
    last = time;
    if (quietMs >= limitMs) stop();
  }, tickMs);
  return {
    heard: (nextMs = limitMs) => {
      quietMs = 0;
      limitMs = nextMs;
    },
    end: () => clearInterval(timer),
  };
}

/**
 * Sends a body, and returns the text of the response. Only XMLHttpRequest reports the progress of an upload, so only with
 * it a silent connection is ended, with an error that is worth another try.
 */
export async function sendBody(
  options: CallOptions & Pick<UploadOptions, "onProgress"> & { answerMs?: number },
  method: string,
  path: string,
  headers: Record<string, string>,
  body: XMLHttpRequestBodyInit,
  refused = false,
): Promise<string> {
  const { signal, onProgress } = options;
  if (typeof XMLHttpRequest === "undefined") {
    return (await send(options, path, { method, headers, body })).text();
  }
  const allHeaders = { ...headers, ...(await authorize(options, refused)) };
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open(method, (options.baseUrl ?? "") + path);
    request.withCredentials = options.credentials === "include";
    for (const [name, value] of Object.entries(allHeaders)) request.setRequestHeader(name, value);
    const silence = watchSilence(() => {
      reject(new HeadwayError());
      request.abort();
    });
    request.upload.onprogress = ({ loaded, total }) => {
      silence.heard();
      onProgress?.({ loaded, total });
    };
    request.upload.onload = () => silence.heard(options.answerMs);
    request.onprogress = () => silence.heard(silenceMs);
    request.onload = () => {
      const { status, responseText } = request;
      if (status < 300) resolve(responseText);
      else reject(toError(status, responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = () => reject(new HeadwayError());
    request.onabort = () => reject(signal?.reason);
    request.onloadend = () => {
      silence.end();
      signal?.removeEventListener("abort", abort);
    };
    signal?.addEventListener("abort", abort);
    request.send(body);
  });
}

/** Returns 128 random bits. crypto.randomUUID exists on secure origins only. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
