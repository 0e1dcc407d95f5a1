import { useConnection } from "@headway/client/react";
import { discardUpload, type UnfinishedUpload, watchUnfinished } from "@headway/client/resumable";
import { useEffect, useState } from "react";
import type { SendOptions } from "./useImportUpload.js";

/** The uploads of the user that this tab does not run. */
export interface Unfinished {
  /** The names of the files whose upload was interrupted, for example by a reload of the page, or "". */
  interrupted: string;
  /** The names of the files that other tabs upload, or "". */
  elsewhere: string;
  /** Reports whether another tab uploads this file. */
  isElsewhere: (file: File) => boolean;
  /** Returns the options with which the upload of this file began. It can resume only with the same options. */
  optionsOf: (file: File) => Omit<SendOptions, "reviewMapping"> | undefined;
  /** Deletes the interrupted uploads. */
  discard: () => void;
}

/** Finds the user's unfinished uploads while this tab has no upload in progress. */
export function useUnfinished(user: string | undefined, busy: boolean): Unfinished {
  const connection = useConnection();
  const [uploads, setUploads] = useState<readonly UnfinishedUpload[]>([]);
  useEffect(() => {
    if (user === undefined || busy) {
      setUploads([]);
      return;
    }
    return watchUnfinished({ ...connection, user }, setUploads);
  }, [connection, user, busy]);

  const interrupted = uploads.filter(({ running }) => !running);
  const elsewhere = uploads.filter(({ running }) => running);
  const names = (some: typeof uploads) => some.map(({ fileName }) => fileName).join(", ");
  const isOf =
    (file: File) =>
    ({ fileName, size }: UnfinishedUpload) =>
      fileName === file.name && size === file.size;
  return {
    interrupted: names(interrupted),
    elsewhere: names(elsewhere),
    isElsewhere: (file) => elsewhere.some(isOf(file)),
    optionsOf: (file) => {
      const fields = interrupted.find(isOf(file))?.fields;
      if (!fields?.schema) return undefined;
      return { schema: fields.schema, onIssues: fields.on_issues ?? "review", dryRun: fields.dry_run ?? false };
    },
    discard: () => {
      for (const upload of interrupted) void discardUpload(connection, upload);
      setUploads(elsewhere);
    },
  };
}
