import {
  authorize,
  type CallOptions,
  canRefresh,
  HeadwayError,
  maxText,
  parseJson,
  send,
  textOf,
  toError,
} from "../rest/connection.js";
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
 * Returns the contents of a file, and how it could be imported. The server stores nothing. For the preview of a large file that is
 * imported afterward, use `onMapping` of a resumable upload, which sends it once.
 */
export const previewFile = async (options: UploadOptions): Promise<FilePreview> =>
  toAnswer<{ preview: FilePreview }>(await sendFile(options, "previews", ""), "preview").preview;

const uploadOnce = async (options: UploadOptions, requestId: string, refused: boolean): Promise<AcceptedImport> =>
  toAnswer<AcceptedImport>(await sendFile({ ...options, answerMs }, "imports", requestId, refused), "import");

/** Parses a response with this field. A proxy's page, for example, is an error that is worth another try. */
export function toAnswer<T extends object>(text: string, field: keyof T): T {
  const answer = parseJson<T>(text);
  if (!answer?.[field]) throw new HeadwayError(502);
  return answer;
}

/** Sends a file with its options, which come first, so that the server knows them when the file arrives. */
function sendFile(options: UploadOptions & BodyOptions, path: string, requestId: string, refused = false) {
  const { file } = options;
  const name = fileNameOf(options);
  const form = new FormData();
  for (const [field, value] of Object.entries(toFields(options, requestId)))
    if (value !== undefined) form.append(field, `${value}`);
  const url = `/api/v1/${path}`;
  if (typeof XMLHttpRequest === "undefined") {
    form.append("file_name", name);
    const headers = { "Content-Type": "application/octet-stream" };
    return sendBody(options, "POST", `${url}?${new URLSearchParams(form as never)}`, headers, file, refused);
  }
  form.append("file", file, name);
  return sendBody(options, "POST", url, {}, form, refused);
}

/** An upload without progress for this long is on a dead connection. */
const silenceMs = 30_000;
/** The server checks a large workbook before it responds. */
export const answerMs = 600_000;
const tickMs = 1000;
/** The size of the chunks in which `fetch` gets a file. They show the progress. */
const chunkBytes = 16 * 1024;

/**
 * Calls `stop` when nothing was heard for the limit. It counts the time by a clock that only moves forward, and a sleep
 * of the computer as one tick, so that the connection has time to continue afterward.
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

type BodyOptions = CallOptions & Pick<UploadOptions, "onProgress"> & { answerMs?: number };

/** What a request reports while it sends a body. */
interface Progress {
  /** Aborts the request. */
  signal: AbortSignal;
  /** Something was heard. The next silence can take this long. */
  heard(nextMs?: number): void;
  sending(loaded: number, total: number): void;
  /** The body was sent. */
  sent(): void;
}

/**
 * Sends a body, and returns the text of the response. A silent connection is ended, with an error that is worth another
 * try. Only service workers don't report the progress by which it is recognized.
 */
export const sendBody = (
  options: BodyOptions,
  method: string,
  path: string,
  headers: Record<string, string>,
  body: Blob | FormData,
  refused = false,
): Promise<string> =>
  new Promise((resolve, reject) => {
    const { signal, onProgress } = options;
    const stopping = new AbortController();
    const stop = (cause: unknown) => {
      reject(cause);
      stopping.abort();
    };
    const abort = () => stop(signal?.reason);
    const silence = watchSilence(() => stop(new HeadwayError()));
    const progress: Progress = {
      signal: stopping.signal,
      heard: silence.heard,
      sending: (loaded, total) => {
        silence.heard();
        onProgress?.({ loaded, total });
      },
      sent: () => silence.heard(options.answerMs),
    };
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    const transfer = typeof XMLHttpRequest === "undefined" ? sendByFetch : sendByRequest;
    transfer(options, method, path, headers, body, refused, progress)
      .then(resolve, reject)
      .finally(() => {
        silence.end();
        signal?.removeEventListener("abort", abort);
      });
  });

type Transfer = (...args: [...Required<Parameters<typeof sendBody>>, Progress]) => Promise<string>;

const sendByRequest: Transfer = async (options, method, path, headers, body, refused, { signal, ...progress }) => {
  const allHeaders = { ...headers, ...(await authorize(options, refused)) };
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let answering = false;
    request.open(method, (options.baseUrl ?? "") + path);
    request.withCredentials = options.credentials === "include";
    for (const [name, value] of Object.entries(allHeaders)) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => progress.sending(loaded, total);
    request.upload.onload = progress.sent;
    request.onprogress = ({ loaded }) => {
      // The rest can't take longer, even if it arrives byte by byte.
      if (!answering) progress.heard(silenceMs);
      answering = true;
      if (loaded > maxText) request.abort();
    };
    request.onload = () => {
      const { status, responseText } = request;
      if (status < 300) resolve(responseText);
      else reject(toError(status, responseText, request.getResponseHeader("Retry-After")));
    };
    request.onerror = request.onabort = () => reject(new HeadwayError());
    signal.onabort = () => request.abort();
    request.send(body);
  });
};

const sendByFetch: Transfer = async (options, method, path, headers, body, refused, { signal, ...progress }) => {
  const file = body as Blob;
  const init = {
    method,
    headers: { ...headers, "Content-Length": `${file.size}` },
    duplex: "half",
    // A stream can be sent once, so each request gets its own.
    get body() {
      let loaded = 0;
      return new ReadableStream<Uint8Array>({
        pull: async (controller) => {
          signal.throwIfAborted();
          const chunk = new Uint8Array(await file.slice(loaded, loaded + chunkBytes).arrayBuffer());
          loaded += chunk.length;
          if (chunk.length) {
            progress.sending(loaded, file.size);
            controller.enqueue(chunk);
          } else {
            progress.sent();
            controller.close();
          }
        },
      });
    },
  };
  // Browsers, where service workers have no XMLHttpRequest, could send a stream over HTTP/2 only.
  const streams = "process" in globalThis;
  if (!streams) progress.heard(Number.POSITIVE_INFINITY);
  const response = await send({ ...options, signal }, path, streams ? init : { method, headers, body }, refused);
  progress.heard(silenceMs);
  return textOf(response);
};

/** Returns 128 random bits. crypto.randomUUID exists on secure origins only. */
export function randomId(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}
