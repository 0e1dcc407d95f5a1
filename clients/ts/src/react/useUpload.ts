import { useCallback, useEffect, useRef, useState } from "react";
import {
  type AcceptedImport,
  type ConnectionState,
  type HeadwayError,
  type MappingAnswer,
  type MappingQuestion,
  type SheetMapping,
  type UploadOptions,
  uploadWorkbook,
} from "../index.js";
import { useConnection } from "./HeadwayProvider.js";
import { useLatest } from "./useLatest.js";

/** The state of an upload. */
export interface UploadState {
  /** `mapping` means that the file has arrived, and that `question` needs an answer. */
  status: "idle" | "uploading" | "mapping" | "accepted" | "failed";
  fileName: string;
  /** The number of bytes sent. */
  loaded: number;
  /** The total number of bytes. */
  total: number;
  /** Whether the upload waits for a lost connection. Only a resumable upload reports it. */
  waiting: boolean;
  /** Why it is paused: the user paused it, or the user's session has ended. Only a resumable upload can be paused. */
  paused: "user" | "session" | undefined;
  /** Which columns of the file are those of the schema? See `askMapping` of SendUpload. */
  question: MappingQuestion | undefined;
  /** The response, when the upload was accepted. */
  accepted: AcceptedImport | undefined;
  /** The error, if the upload failed. */
  error: unknown;
}

/** An upload and its functions. */
export interface Upload extends UploadState {
  /** Uploads a workbook. It returns the accepted import, or undefined if the upload failed or was aborted. */
  upload: (options: UploadOptions) => Promise<AcceptedImport | undefined>;
  /** Answers `question`. The upload continues without sending the file again. */
  answer: (answer: SheetMapping[] | MappingAnswer) => void;
  /** Uploads the last workbook again. */
  retry: () => Promise<AcceptedImport | undefined>;
  /** Pauses the upload. The server keeps the bytes that it has received. */
  pause: () => void;
  resume: () => void;
  /** Aborts the upload, and clears the state. */
  reset: () => void;
}

/** An upload that can be paused: that of `startUpload` in `@headway/client/resumable`. */
export interface PausableUpload {
  readonly done: Promise<AcceptedImport>;
  pause(): void;
  resume(): void;
  /** Ends it. The server keeps the bytes that it has received, for a later upload. */
  stop(): void;
}

/**
 * Sends a workbook: `uploadWorkbook`, or a function that calls `startUpload` or `uploadResumably`. Pass `askMapping` to these
 * as `onMapping` if the page shows `question`.
 */
export type SendUpload = (
  options: UploadOptions & {
    onConnection: (state: ConnectionState) => void;
    onRefused: (error: HeadwayError) => void;
    askMapping: (question: MappingQuestion) => Promise<SheetMapping[] | MappingAnswer>;
  },
) => Promise<AcceptedImport> | PausableUpload;

const idle: UploadState = {
  status: "idle",
  fileName: "",
  loaded: 0,
  total: 0,
  waiting: false,
  paused: undefined,
  question: undefined,
  accepted: undefined,
  error: undefined,
};

interface Running {
  aborting: AbortController;
  pausable: PausableUpload | undefined;
  answer: ((answer: SheetMapping[] | MappingAnswer) => void) | undefined;
}

/**
 * Uploads one workbook at a time. Unmounting aborts the upload, or stops a resumable one. If the session of a resumable
 * upload ends, it continues with the next connection of the HeadwayProvider.
 */
export function useUpload(send: SendUpload = uploadWorkbook): Upload {
  const connection = useConnection();
  const latest = useLatest({ send, connection });
  const [state, setState] = useState(idle);
  const current = useRef<Running | undefined>(undefined);
  const last = useRef<UploadOptions | undefined>(undefined);
  useEffect(
    () => () => {
      const { pausable, aborting } = current.current ?? {};
      if (pausable) pausable.stop();
      else aborting?.abort();
    },
    [],
  );

  const upload = useCallback(
    async (options: UploadOptions) => {
      current.current?.aborting.abort();
      const aborting = new AbortController();
      const running: Running = { aborting, pausable: undefined, answer: undefined };
      current.current = running;
      last.current = options;
      const change = (part: Partial<UploadState>) => {
        if (current.current === running && !aborting.signal.aborted) setState((before) => ({ ...before, ...part }));
      };
      const fileName = options.fileName ?? (options.file as File).name ?? "";
      setState({ ...idle, status: "uploading", fileName, total: options.file.size });
      try {
        const sent = latest.current.send({
          ...latest.current.connection,
          // After a new sign-in, the connection has another token.
          token: (refused) => {
            const { token } = latest.current.connection;
            return typeof token === "function" ? token(refused) : token;
          },
          ...options,
          signal: aborting.signal,
          onConnection: ({ phase }) => change({ waiting: phase === "retrying" }),
          askMapping: (question) => {
            change({ status: "mapping", question });
            return new Promise((resolve) => {
              running.answer = resolve;
            });
          },
          onRefused: () => change({ paused: "session" }),
          onProgress: (progress) => {
            change(progress);
            options.onProgress?.(progress);
          },
        });
        running.pausable = "done" in sent ? sent : undefined;
        const accepted = await ("done" in sent ? sent.done : sent);
        change({ status: "accepted", accepted });
        return accepted;
      } catch (error) {
        change({ status: "failed", error });
        return undefined;
      }
    },
    [latest],
  );

  const answer = useCallback((given: SheetMapping[] | MappingAnswer) => {
    setState((before) => (before.question ? { ...before, status: "uploading", question: undefined } : before));
    current.current?.answer?.(given);
  }, []);

  const retry = useCallback(() => (last.current ? upload(last.current) : Promise.resolve(undefined)), [upload]);

  const reset = useCallback(() => {
    current.current?.aborting.abort();
    setState(idle);
  }, []);

  const pause = useCallback(() => {
    const pausable = current.current?.pausable;
    if (!pausable) return;
    pausable.pause();
    setState((before) => (before.status === "uploading" ? { ...before, paused: "user", waiting: false } : before));
  }, []);

  const resume = useCallback(() => {
    setState((before) => ({ ...before, paused: undefined }));
    current.current?.pausable?.resume();
  }, []);

  // A new connection means that the user has signed in again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new connection counts
  useEffect(() => {
    if (state.paused === "session") resume();
  }, [connection]);

  return { ...state, upload, answer, retry, pause, resume, reset };
}
