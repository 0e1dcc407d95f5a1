import { download, type OnIssues, samplePath, type UploadOptions } from "@headway/client";
import { type Upload, useConnection, useUpload } from "@headway/client/react";
import { startUpload } from "@headway/client/resumable";
import { useEffect, useRef, useState } from "react";

/** The options of an import. */
export interface ImportChoices {
  onIssues: OnIssues;
  dryRun: boolean;
  /** Ask which columns to import, even if all match. */
  reviewMapping: boolean;
}

/** The options of an import, and its schema. */
export interface SendOptions extends ImportChoices {
  schema: string;
}

/** The upload of a file or a sample, and its actions. */
export interface ImportUpload extends Omit<Upload, "upload" | "retry"> {
  busy: boolean;
  importId: string | undefined;
  /** The name of the schema. */
  schema: string | undefined;
  /** The number of employees of the sample that the server is creating. */
  preparing: number | undefined;
  /** Why the upload failed, or why there is no sample. */
  error: unknown;
  send: (file: File, options: SendOptions) => void;
  trySample: (rows: number, choices: ImportChoices) => void;
  /** Uploads the file again after a failure; undefined if there is nothing to repeat. */
  retry: (() => void) | undefined;
}

/** The only schema that the server has a sample of. */
export const sampleSchema = "workforce";

/** The number of errors in a sample of a number of employees. */
const sampleErrors = (rows: number) => (rows >= 100_000 ? 120 : rows >= 10_000 ? 40 : 12);

/**
 * Uploads files and samples. It calls `onAccepted` with the import that the server creates from an upload. When the
 * component unmounts, for example because the user signs out, the upload stops. The server keeps the bytes that it has
 * received, for a later upload.
 */
export function useImportUpload(user: string | undefined, onAccepted: (importId: string) => void): ImportUpload {
  const connection = useConnection();
  const reviewMapping = useRef(false);
  const [schema, setSchema] = useState<string>();
  const { upload, retry, ...sent } = useUpload(({ askMapping, ...options }) =>
    startUpload({ ...options, user, onMapping: askMapping, reviewMapping: reviewMapping.current }),
  );
  const [preparing, setPreparing] = useState<number>();
  const [error, setError] = useState<unknown>();
  const creating = useRef<AbortController>(undefined);
  useEffect(() => () => creating.current?.abort(), []);

  const accept = async (sending: ReturnType<typeof retry>) => {
    const accepted = await sending;
    if (accepted) onAccepted(accepted.import.importId);
  };
  const send = (file: File, options: SendOptions) => {
    const { reviewMapping: review, ...rest } = options;
    reviewMapping.current = review;
    setSchema(options.schema);
    const all: UploadOptions = { file, ...rest };
    void accept(upload(all));
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
      send(sample, { schema: sampleSchema, ...choices });
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
    sent.reset();
  };

  const sending = sent.status === "uploading" || sent.status === "mapping";
  useEffect(() => {
    if (!sending) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [sending]);

  const failure = error ?? sent.error;
  return {
    ...sent,
    busy: preparing !== undefined || failure !== undefined || sending,
    importId: sent.accepted?.import.importId,
    schema,
    preparing,
    error: failure,
    send,
    trySample: (rows, choices) => void trySample(rows, choices),
    retry: sent.error === undefined ? undefined : () => void accept(retry()),
    reset,
  };
}
