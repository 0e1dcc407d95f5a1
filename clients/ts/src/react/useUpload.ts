import { useCallback, useEffect, useRef, useState } from "react";
import { type AcceptedImport, type ConnectionState, type UploadOptions, uploadWorkbook } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";
import { useLatest } from "./useLatest.js";

/** The state of an upload. */
export interface UploadState {
  status: "idle" | "uploading" | "accepted" | "failed";
  fileName: string;
  /** The number of bytes sent. */
  loaded: number;
  /** The total number of bytes. */
  total: number;
  /** The connection is lost, and the upload waits for it. Only some `send` functions report it. */
  waiting: boolean;
  /** The answer, when the upload was accepted. */
  accepted: AcceptedImport | undefined;
  /** The error, if the upload failed. */
  error: unknown;
}

/** An upload and its functions. */
export interface Upload extends UploadState {
  /** Uploads a workbook. It returns the accepted import, or undefined if the upload failed or was aborted. */
  upload: (options: UploadOptions) => Promise<AcceptedImport | undefined>;
  /** Aborts the upload, and clears the state. */
  reset: () => void;
}

const idle: UploadState = {
  status: "idle",
  fileName: "",
  loaded: 0,
  total: 0,
  waiting: false,
  accepted: undefined,
  error: undefined,
};

/** Sends a workbook: `uploadWorkbook`, or a function that calls `uploadResumably`. */
export type SendUpload = (
  options: UploadOptions & { onConnection?: (state: ConnectionState) => void },
) => Promise<AcceptedImport>;

/** Uploads one workbook at a time. Unmounting aborts the upload. */
export function useUpload(send: SendUpload = uploadWorkbook): Upload {
  const connection = useConnection();
  const sending = useLatest(send);
  const [state, setState] = useState(idle);
  const current = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => current.current?.abort(), []);

  const upload = useCallback(
    async (options: UploadOptions) => {
      current.current?.abort();
      const aborting = new AbortController();
      current.current = aborting;
      const change = (part: Partial<UploadState>) => {
        if (current.current === aborting && !aborting.signal.aborted) setState((before) => ({ ...before, ...part }));
      };
      const fileName = options.fileName ?? (options.file as File).name ?? "";
      setState({ ...idle, status: "uploading", fileName, total: options.file.size });
      try {
        const accepted = await sending.current({
          ...connection,
          ...options,
          signal: aborting.signal,
          onConnection: ({ phase }) => change({ waiting: phase === "retrying" }),
          onProgress: (progress) => {
            change(progress);
            options.onProgress?.(progress);
          },
        });
        change({ status: "accepted", accepted });
        return accepted;
      } catch (error) {
        change({ status: "failed", error });
        return undefined;
      }
    },
    [connection, sending],
  );

  const reset = useCallback(() => {
    current.current?.abort();
    setState(idle);
  }, []);

  return { ...state, upload, reset };
}
