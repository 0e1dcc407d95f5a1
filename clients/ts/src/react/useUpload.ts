import { useCallback, useEffect, useRef, useState } from "react";
import { type AcceptedImport, type ConnectionState, type UploadOptions, uploadWorkbook } from "../index.js";
import { useConnection } from "./HeadwayProvider.js";
import { useLatest } from "./useLatest.js";

/** Where an upload stands. */
export interface UploadState {
  status: "idle" | "uploading" | "accepted" | "failed";
  fileName: string;
  /** Bytes that have left. */
  loaded: number;
  /** Bytes in all. */
  total: number;
  /** The connection is lost, and the upload waits for it; only of a `send` that tells. */
  waiting: boolean;
  /** The answer, once accepted. */
  accepted: AcceptedImport | undefined;
  /** Why it failed. */
  error: unknown;
}

/** An upload and what can be done with it. */
export interface Upload extends UploadState {
  /** Uploads a workbook; gives the accepted import, or undefined if it failed or was aborted. */
  upload: (options: UploadOptions) => Promise<AcceptedImport | undefined>;
  /** Aborts the upload under way, and forgets it. */
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

/** Sends a workbook: `uploadWorkbook`, or `uploadResumably` with what it needs besides. */
export type SendUpload = (
  options: UploadOptions & { onConnection?: (state: ConnectionState) => void },
) => Promise<AcceptedImport>;

/** Uploads one workbook at a time. Unmounting aborts an upload under way. */
export function useUpload(send: SendUpload = uploadWorkbook): Upload {
  const connection = useConnection();
  const sending = useLatest(send);
  const [state, setState] = useState(idle);
  const underWay = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => underWay.current?.abort(), []);

  const upload = useCallback(
    async (options: UploadOptions) => {
      underWay.current?.abort();
      const aborting = new AbortController();
      underWay.current = aborting;
      const change = (part: Partial<UploadState>) => {
        if (underWay.current === aborting && !aborting.signal.aborted) setState((before) => ({ ...before, ...part }));
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
    underWay.current?.abort();
    setState(idle);
  }, []);

  return { ...state, upload, reset };
}
