import { useConnection } from "@headway/client/react";
import { discardUpload, type UnfinishedUpload, unfinishedUploads } from "@headway/client/resumable";
import { useEffect, useState } from "react";
import type { SendOptions } from "./useImportUpload.js";

/** The uploads that were interrupted, for example by a reload of the page. */
export interface Unfinished {
  /** Their files' names, or "". */
  names: string;
  /** Returns the options with which the upload of this file began. It resumes only with the same. */
  optionsOf: (file: File) => SendOptions | undefined;
  discard: () => void;
}

/** Finds the user's interrupted uploads while none is in progress. */
export function useUnfinished(user: string | undefined, busy: boolean): Unfinished {
  const connection = useConnection();
  const [uploads, setUploads] = useState<readonly UnfinishedUpload[]>([]);
  useEffect(() => {
    setUploads(user === undefined || busy ? [] : unfinishedUploads({ ...connection, user }));
  }, [connection, user, busy]);

  return {
    names: uploads.map(({ fileName }) => fileName).join(", "),
    optionsOf: (file) => {
      const fields = uploads.find(({ fileName, size }) => fileName === file.name && size === file.size)?.fields;
      if (!fields?.schema) return undefined;
      return { schema: fields.schema, onIssues: fields.on_issues ?? "review", dryRun: fields.dry_run ?? false };
    },
    discard: () => {
      for (const upload of uploads) void discardUpload(connection, upload);
      setUploads([]);
    },
  };
}
