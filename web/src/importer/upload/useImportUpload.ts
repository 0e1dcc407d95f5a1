import { download, type HeadwayError, type OnIssues, samplePath } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { type ResumableUpload, startUpload } from "@headway/client/resumable";
import { useEffect, useRef, useState } from "react";

/** How to import. */
export interface ImportChoices {
  onIssues: OnIssues;
  dryRun: boolean;
}

/** How to import a file, and as what. */
export interface SendOptions extends ImportChoices {
  schema: string;
}

/** The upload of one file. */
export interface UploadState {
  status: "idle" | "uploading" | "accepted" | "failed";
  fileName: string;
  /** The number of bytes sent. */
  loaded: number;
  /** The total number of bytes. */
  total: number;
  /** The connection is lost, and the upload waits for it. */
  waiting: boolean;
  /** Why it is paused: the user paused it, or the user's session has ended. */
  paused: "user" | "session" | undefined;
  /** The import, when the upload was accepted. */
  importId: string | undefined;
  /** The error, if the upload failed. */
  error: unknown;
}

/** The upload of a file or a sample, and what can be done with it. */
export interface ImportUpload {
  state: UploadState;
  busy: boolean;
  /** The number of employees of the sample that the server is creating. */
  preparing: number | undefined;
  /** Why there is no sample. */
  error: unknown;
  send: (file: File, options: SendOptions) => void;
  trySample: (rows: number, choices: ImportChoices) => void;
  pause: () => void;
  resume: () => void;
  /** Uploads the file again after a failure; undefined if there is nothing to repeat. */
  retry: (() => void) | undefined;
  /** Cancels whatever is in progress. */
  reset: () => void;
}

/** The only schema that the server has a sample of. */
export const sampleSchema = "workforce";

/** The number of errors in a sample of a number of employees. */
const sampleErrors = (rows: number) => (rows >= 100_000 ? 120 : rows >= 10_000 ? 40 : 12);

const idle: UploadState = {
  status: "idle",
  fileName: "",
  loaded: 0,
  total: 0,
  waiting: false,
  paused: undefined,
  importId: undefined,
  error: undefined,
};

/**
 * Uploads files and samples, and calls `onAccepted` with the import that the server made of one. When the component
 * unmounts, for example because the user signs out, the upload stops. The server keeps what it has for a later one.
 */
export function useImportUpload(user: string | undefined, onAccepted: (importId: string) => void): ImportUpload {
  const connection = useConnection();
  const [state, setState] = useState(idle);
  const [preparing, setPreparing] = useState<number>();
  const [error, setError] = useState<unknown>();
  const last = useRef<{ file: File; options: SendOptions }>(undefined);
  const current = useRef<{ upload: ResumableUpload; canceling: AbortController }>(undefined);
  const creating = useRef<AbortController>(undefined);
  useEffect(
    () => () => {
      creating.current?.abort();
      current.current?.upload.pause();
    },
    [],
  );

  const send = async (file: File, options: SendOptions) => {
    current.current?.canceling.abort();
    last.current = { file, options };
    const canceling = new AbortController();
    const change = (part: Partial<UploadState>) => {
      if (!canceling.signal.aborted) setState((before) => ({ ...before, ...part }));
    };
    setState({ ...idle, status: "uploading", fileName: file.name, total: file.size });
    const upload = startUpload({
      ...connection,
      ...options,
      file,
      user,
      signal: canceling.signal,
      onConnection: ({ phase }) => change({ waiting: phase === "retrying" }),
      onProgress: ({ loaded }) => change({ loaded }),
      onRefused: (_error: HeadwayError) => change({ paused: "session" }),
    });
    current.current = { upload, canceling };
    try {
      const accepted = await upload.done;
      change({ status: "accepted", importId: accepted.import.importId });
      onAccepted(accepted.import.importId);
    } catch (cause) {
      change({ status: "failed", error: cause });
    }
  };

  const trySample = async (rows: number, choices: ImportChoices) => {
    const aborting = new AbortController();
    creating.current = aborting;
    setPreparing(rows);
    try {
      const seed = Math.floor(Math.random() * 1_000_000);
      const path = samplePath(sampleSchema, { rows, issues: sampleErrors(rows), seed });
      const sample = await download({ ...connection, path, signal: aborting.signal });
      setPreparing(undefined);
      await send(sample, { schema: sampleSchema, ...choices });
    } catch (cause) {
      if (aborting.signal.aborted) return;
      setPreparing(undefined);
      setError(cause);
    }
  };

  const reset = () => {
    creating.current?.abort();
    current.current?.canceling.abort();
    setPreparing(undefined);
    setError(undefined);
    setState(idle);
  };

  const pause = () => {
    current.current?.upload.pause();
    setState((before) => ({ ...before, paused: "user", waiting: false }));
  };
  const resume = () => {
    setState((before) => ({ ...before, paused: undefined }));
    current.current?.upload.resume();
  };

  // A new connection means that the user has signed in again.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only a new connection counts
  useEffect(() => {
    if (state.paused === "session") resume();
  }, [connection]);

  const sending = state.status === "uploading";
  useEffect(() => {
    if (!sending) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [sending]);

  return {
    state,
    busy: preparing !== undefined || error !== undefined || sending || state.status === "failed",
    preparing,
    error,
    send: (file, options) => void send(file, options),
    trySample: (rows, choices) => void trySample(rows, choices),
    pause,
    resume,
    retry:
      state.error && last.current
        ? () => last.current && void send(last.current.file, last.current.options)
        : undefined,
    reset,
  };
}
