/** The options and the progress of uploads. */
import type { CallOptions, ConnectionState } from "../rest/connection.js";
import type { ImportMode, OnIssues, SheetMapping } from "../rest/types.js";
import type { FileFormats, MappingAnswer, MappingQuestion } from "./mapping.js";

/** What to upload, and how to import it. */
export interface UploadOptions extends CallOptions {
  file: Blob;
  /** The name to show; the file's own name by default. */
  fileName?: string | undefined;
  /** The schema to check against; `workforce` by default. */
  schema?: string | undefined;
  /** What happens if rows have issues; `abort` by default. */
  onIssues?: OnIssues | undefined;
  /** Whether rows are inserted, updated, or both; `upsert` by default. */
  mode?: ImportMode | undefined;
  /** The delimiter of a text file; detected from the file by default. */
  delimiter?: string | undefined;
  /** The encoding of a text file, for example "windows-1252"; detected from the file by default. */
  encoding?: string | undefined;
  /** How to read some of several text files, by their names. */
  textFormats?: FileFormats["textFormats"] | undefined;
  /** Assigns sheets and columns that are not found by name. */
  mapping?: readonly SheetMapping[] | undefined;
  /** Reject the file with `MAPPING_UNCERTAIN` if it has unmapped columns that could be columns of the schema. */
  confirmMapping?: boolean | undefined;
  /** Run the whole import, and roll it back. */
  dryRun?: boolean | undefined;
  /** Identifies this upload, so that a repeated one returns the same import; random by default. */
  requestId?: string | undefined;
  /** Receives the progress, except in service workers. */
  onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** The number of retries after a lost connection or a busy server; 2 by default. */
  retries?: number | undefined;
}

/** The progress of an upload. */
export interface UploadProgress {
  /** The number of bytes sent. */
  loaded: number;
  /** The total number of bytes. */
  total: number;
}

/** What to upload, and how to resume it. */
export interface ResumableUploadOptions extends UploadOptions {
  /**
   * The user. If it is set, the upload is remembered in `storage`: after a reload of the page, the same file resumes
   * where it was interrupted.
   */
  user?: string | undefined;
  /** Where unfinished uploads are remembered; the browser's localStorage by default. */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined;
  /** The maximum number of bytes per request, for proxies with a limit; by default the rest of the file. */
  partBytes?: number | undefined;
  /** The number of retries without progress; 10 by default. Retries while the browser is offline don't count. */
  retries?: number | undefined;
  /**
   * Answers which columns of the file are those of the schema. If it is set, a file whose sheets or columns don't match the
   * schema is not refused: the server keeps it, and imports it with the answer.
   */
  onMapping?: ((question: MappingQuestion) => Promise<SheetMapping[] | MappingAnswer>) | undefined;
  /** Call `onMapping` for every file, even if all its columns match. */
  reviewMapping?: boolean | undefined;
  /** Called when the connection is lost, and when the upload resumes. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
}

/** Returns the options by the names of the form's fields. */
export const toFields = (options: UploadOptions, requestId: string) => ({
  schema: options.schema,
  on_issues: options.onIssues,
  mode: options.mode,
  dry_run: options.dryRun,
  mapping: options.mapping && JSON.stringify(options.mapping),
  confirm_mapping: options.confirmMapping,
  text_formats: options.textFormats && JSON.stringify(options.textFormats),
  delimiter: options.delimiter,
  encoding: options.encoding,
  request_id: requestId,
});

export const fileNameOf = ({ fileName, file }: UploadOptions): string =>
  fileName ?? (file as File).name ?? "workbook.xlsx";
