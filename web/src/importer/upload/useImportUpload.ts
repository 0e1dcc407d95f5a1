import { download, type OnIssues, samplePath } from "@headway/client";
import { type UploadState, useConnection, useUpload } from "@headway/client/react";
import { uploadResumably } from "@headway/client/resumable";
import { useEffect, useRef, useState } from "react";

/** How to import. */
export interface ImportChoices {
  onIssues: OnIssues;
  dryRun: boolean;
}

/** The upload of a file or a sample, and what can be done with it. */
export interface ImportUpload {
  state: UploadState;
  busy: boolean;
  /** The number of employees of the sample that the server is creating. */
  preparing: number | undefined;
  /** Why there is no sample. */
  error: unknown;
  send: (file: File, schema: string) => void;
  trySample: (rows: number) => void;
  /** Uploads the file again after a failure; undefined if there is nothing to repeat. */
  retry: (() => void) | undefined;
  /** Cancels whatever is in progress. */
  reset: () => void;
}

/** The only schema that the server has a sample of. */
export const sampleSchema = "workforce";

/** The number of errors in a sample of a number of employees. */
const sampleErrors = (rows: number) => (rows >= 100_000 ? 120 : rows >= 10_000 ? 40 : 12);

/** Uploads files and samples, and calls `onAccepted` with the import that the server made of one. */
export function useImportUpload(
  user: string | undefined,
  choices: ImportChoices,
  onAccepted: (importId: string) => void,
): ImportUpload {
  const connection = useConnection();
  const upload = useUpload((options) => uploadResumably({ ...options, user }));
  const [preparing, setPreparing] = useState<number>();
  const [error, setError] = useState<unknown>();
  const last = useRef<{ file: File; schema: string }>(undefined);
  const creating = useRef<AbortController>(undefined);
  useEffect(() => () => creating.current?.abort(), []);

  const send = async (file: File, schema: string) => {
    last.current = { file, schema };
    const accepted = await upload.upload({ file, schema, ...choices });
    if (accepted) onAccepted(accepted.import.importId);
  };

  const trySample = async (rows: number) => {
    const aborting = new AbortController();
    creating.current = aborting;
    setPreparing(rows);
    try {
      const seed = Math.floor(Math.random() * 1_000_000);
      const path = samplePath(sampleSchema, { rows, issues: sampleErrors(rows), seed });
      const sample = await download({ ...connection, path, signal: aborting.signal });
      setPreparing(undefined);
      await send(sample, sampleSchema);
    } catch (cause) {
      if (aborting.signal.aborted) return;
      setPreparing(undefined);
      setError(cause);
    }
  };

  const reset = () => {
    creating.current?.abort();
    setPreparing(undefined);
    setError(undefined);
    upload.reset();
  };

  return {
    state: upload,
    busy: preparing !== undefined || error !== undefined || upload.status !== "idle",
    preparing,
    error,
    send: (file, schema) => void send(file, schema),
    trySample: (rows) => void trySample(rows),
    retry:
      upload.error && last.current
        ? () => last.current && void send(last.current.file, last.current.schema)
        : undefined,
    reset,
  };
}
