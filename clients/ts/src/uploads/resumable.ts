/** Uploads that resume where they were interrupted, by tus 1.0.0 (https://tus.io/protocols/resumable-upload). */
import { type CallOptions, canRefresh, HeadwayError, limited, send, textOf } from "../rest/connection.js";
import type { AcceptedImport, SheetMapping } from "../rest/types.js";
import { backoff, onReturn, pause } from "../rest/wait.js";
import { isAboutMapping, type MappingAnswer, toQuestion } from "./mapping.js";
import { forget, keyOf, recall, remember } from "./memory.js";
import { fileNameOf, type ResumableUploadOptions, toFields } from "./options.js";
import { removeUpload } from "./unfinished.js";
import { answerMs, randomId, sendBody, toAnswer } from "./upload.js";

export type { FileFormats, MappingAnswer, MappingQuestion } from "./mapping.js";
export type { ResumableUploadOptions } from "./options.js";
export {
  discardUpload,
  type UnfinishedOptions,
  type UnfinishedUpload,
  unfinishedUploads,
  watchUnfinished,
} from "./unfinished.js";

const path = "/api/v1/uploads";
const tus = { "Tus-Resumable": "1.0.0" };

/** The statuses of an upload that the server has deleted. It can't be resumed. */
const lost = [404, 410];

/** The longest time of a timer. */
const longestMs = 2 ** 31 - 1;

/** An upload that can be paused. */
export interface ResumableUpload {
  /** Resolves with the accepted import. */
  readonly done: Promise<AcceptedImport>;
  /** Pauses the upload. The server keeps the bytes that it has received. */
  pause(): void;
  /** Continues where the upload was paused. */
  resume(): void;
  /**
   * Ends it, even while it is paused. The server keeps the bytes that it has received, and a later upload of the same
   * file continues there.
   */
  stop(): void;
}

/**
 * Uploads a workbook like `uploadWorkbook`, and returns the accepted import. It never sends a byte twice that the server
 * has. It resumes after a lost connection, a restart of the server, and, with `user`, a reload of the page. Aborting the
 * signal deletes the upload on the server. If the server refuses the user, the upload stays there, and a later one of the
 * same file continues it.
 */
export const uploadResumably = (options: ResumableUploadOptions): Promise<AcceptedImport> =>
  start(options, new Control());

/**
 * Starts an upload like `uploadResumably` that can be paused. If the server refuses the user, for example because the
 * session has ended, it calls `onRefused` and pauses, so that it can continue after a new sign-in.
 */
export function startUpload(
  options: ResumableUploadOptions & { onRefused: (error: HeadwayError) => void },
): ResumableUpload {
  const control = new Control();
  const done = start(options, control, options.onRefused);
  return { done, pause: () => control.pause(), resume: () => control.resume(), stop: () => control.stop() };
}

/** Pauses or stops an upload, and ends its request. */
class Control {
  private waiting: (() => void) | undefined;
  private attempt: AbortController | undefined;
  private paused = false;
  stopped = false;

  pause(): void {
    this.paused = true;
    this.attempt?.abort();
  }

  resume(): void {
    this.paused = false;
    this.waiting?.();
  }

  stop(): void {
    this.stopped = true;
    this.attempt?.abort();
    this.resume();
  }

  /** Waits until the upload is not paused, and returns the signal of the next attempt. */
  async next(caller: AbortSignal | undefined): Promise<AbortSignal> {
    // Its signal removes the listeners of the last attempt.
    this.attempt?.abort();
    while (this.paused && !caller?.aborted) {
      await new Promise<void>((resolve) => {
        this.waiting = resolve;
        caller?.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    const attempt = new AbortController();
    this.attempt = attempt;
    const stop = () => attempt.abort();
    caller?.addEventListener("abort", stop, attempt);
    onReturn(stop, attempt);
    if (caller?.aborted || this.stopped) stop();
    return attempt.signal;
  }
}

async function start(
  options: ResumableUploadOptions,
  control: Control,
  onRefused?: (error: HeadwayError) => void,
): Promise<AcceptedImport> {
  const key = keyOf(options);
  const locks = key === undefined ? undefined : globalThis.navigator?.locks;
  if (!key || !locks) return upload(options, key, control, onRefused);
  let running: Promise<AcceptedImport> | undefined;
  // Two tabs with the same file are two uploads. Only one of them can resume the remembered upload.
  const locked = locks.request(key, { ifAvailable: true }, (lock) => {
    running = upload(options, lock ? key : undefined, control, onRefused);
    return running;
  });
  // A sandboxed frame has no locks.
  return locked.catch((error: unknown) => {
    if (running) throw error;
    return upload(options, key, control, onRefused);
  });
}

async function upload(
  options: ResumableUploadOptions,
  key: string | undefined,
  control: Control,
  onRefused: ((error: HeadwayError) => void) | undefined,
): Promise<AcceptedImport> {
  const { signal, onConnection, onMapping, retries = 10 } = options;
  let address = recall(options.storage, key);
  let requestId = options.requestId ?? randomId();
  let arrived = 0;
  /** The largest number of bytes that the server has acknowledged of this upload. */
  let farthest = 0;
  let failures = 0;
  /** The number of uploads that the server has lost. */
  let losses = 0;
  let question: Promise<SheetMapping[] | MappingAnswer> | undefined;
  let answered: MappingAnswer | undefined;
  const ask = (error?: HeadwayError) => {
    const { mapping, ...formats } = answered ?? {};
    return onMapping?.(toQuestion(options, idOf(address), { error, mapping, formats: answered && formats }));
  };
  const tell = (loaded: number) => options.onProgress?.({ loaded, total: options.file.size });
  const advance = (offset: number) => {
    if (offset > farthest) {
      failures = 0;
      farthest = offset;
    }
    arrived = offset;
    tell(offset);
  };

  for (let refused = false; ; ) {
    const attempt = await control.next(signal);
    try {
      attempt.throwIfAborted();
      const own = { ...options, signal: attempt };
      if (address === undefined) {
        const created = await create(own, requestId, refused);
        address = created.address;
        remember(options.storage, key, address, created.expires);
        advance(0);
      } else {
        advance(await offsetOf(own, address, refused));
      }
      refused = false;
      onConnection?.({ phase: "open" });
      while (arrived < options.file.size) advance(await sendPart(own, address, arrived, tell));
      if (options.reviewMapping && !answered) question ??= ask();
      const asked = question;
      // The user can take days. An attempt that was interrupted meanwhile waits for the same answer.
      if (asked) answered = toMapping(await limited(attempt, () => asked, longestMs));
      question = undefined;
      const accepted = await accept(own, address, answered);
      forget(options.storage, key);
      return accepted;
    } catch (error) {
      if (signal?.aborted) {
        forget(options.storage, key);
        if (address) await removeUpload(options, address);
        throw signal.reason;
      }
      if (control.stopped) throw new DOMException("The upload was stopped.", "AbortError");
      // It was paused, or the browser came online.
      if (attempt.aborted) continue;
      if (!(error instanceof HeadwayError)) throw error;
      if (error.status === 401) {
        if (refused || !canRefresh(options)) {
          if (!onRefused) throw error;
          control.pause();
          onRefused(error);
        }
        refused = !refused;
        continue;
      }
      if (onMapping && isAboutMapping(error)) {
        question = ask(error);
        continue;
      }
      if (address !== undefined && lost.includes(error.status)) {
        // The upload has expired, or the server has lost it. Start a new one.
        forget(options.storage, key);
        address = undefined;
        requestId = options.requestId ?? randomId();
        farthest = 0;
        failures++;
        losses++;
      } else if (!error.temporary && ![409, 423].includes(error.status)) {
        forget(options.storage, key);
        if (address) await removeUpload(options, address);
        throw error;
      } else if (globalThis.navigator?.onLine !== false) {
        failures++;
      }
      if (failures > retries || losses > retries) throw error;
      onConnection?.({ phase: "retrying", error });
      await pause(backoff(failures - 1, 500, error.retryAfterMs), attempt);
    }
  }
}

/** Creates an upload (tus: Creation). */
async function create(options: ResumableUploadOptions, requestId: string, refused: boolean) {
  const fields = { filename: fileNameOf(options), ...toFields(options, requestId) };
  if (options.onMapping) fields.confirm_mapping = true;
  const metadata = Object.entries(fields).flatMap(([name, value]) =>
    value === undefined ? [] : `${name} ${toBase64(String(value))}`,
  );
  const headers = { ...tus, "Upload-Length": String(options.file.size), "Upload-Metadata": metadata.join(",") };
  const { headers: answer } = await limited(options.signal, (signal) =>
    send({ ...options, signal }, path, { method: "POST", headers }, refused),
  );
  // The server's own paths start at its prefix, and those of this client below the connection's address.
  const address = /\/api\/v1\/uploads\/[^/?#]+$/.exec(answer.get("Location") ?? "")?.[0];
  // A proxy's page, for example.
  if (!address) throw new HeadwayError(502);
  return { address, expires: Date.parse(answer.get("Upload-Expires") ?? "") || Date.now() + 3_600_000 };
}

/** Returns the number of bytes that the server has. This also ends a request that hangs on a dead connection. */
async function offsetOf(options: ResumableUploadOptions, address: string, refused: boolean): Promise<number> {
  const init: RequestInit = { method: "HEAD", headers: tus, cache: "no-store" };
  const { headers } = await limited(options.signal, (signal) => send({ ...options, signal }, address, init, refused));
  const offset = headers.get("Upload-Offset") ?? "";
  // A proxy's page, for example.
  if (!/^\d+$/.test(offset) || Number(offset) > options.file.size) throw new HeadwayError(502);
  return Number(offset);
}

const toMapping = (answer: SheetMapping[] | MappingAnswer): MappingAnswer =>
  Array.isArray(answer) ? { mapping: answer } : answer;

const idOf = (address = "") => encodeURIComponent(address.split("/").pop() ?? "");

/** Starts the import of a complete upload. */
async function accept(options: CallOptions, address: string, answer?: MappingAnswer): Promise<AcceptedImport> {
  const path = `/api/v1/imports?upload_id=${idOf(address)}`;
  const init = {
    method: "POST",
    ...(answer && { body: JSON.stringify(answer), headers: { "Content-Type": "application/json" } }),
  };
  const work = async (signal: AbortSignal) => textOf(await send({ ...options, signal }, path, init));
  return toAnswer<AcceptedImport>(await limited(options.signal, work, answerMs), "import");
}

/** Sends the next part of the file, and returns the offset after it. */
async function sendPart(
  options: ResumableUploadOptions,
  address: string,
  offset: number,
  tell: (offset: number) => void,
): Promise<number> {
  const { file, partBytes = file.size } = options;
  const part = file.slice(offset, offset + partBytes);
  const onProgress = ({ loaded }: { loaded: number }) => tell(offset + loaded);
  const headers = { ...tus, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) };
  await sendBody({ ...options, onProgress }, "PATCH", address, headers, part);
  return offset + part.size;
}

const toBase64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
