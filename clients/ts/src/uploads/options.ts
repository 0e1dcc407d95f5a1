/** What callers set of an upload, and what they receive while it runs. */
import type { CallOptions, ConnectionState } from "../rest/connection.js";
import type { ImportMode, OnIssues } from "../rest/types.js";

/** What to upload, and how to import it. */
export interface UploadOptions extends CallOptions {
  file: Blob;
  /** The name shown for it; the file's own by default. */
  fileName?: string | undefined;
  /** The schema to check against; `workforce` by default. */
  schema?: string | undefined;
  /** What happens when rows have issues; `abort` by default. */
  onIssues?: OnIssues | undefined;
  /** What rows may do; `upsert` by default. */
  mode?: ImportMode | undefined;
  /** Do everything and roll it back. */
  dryRun?: boolean | undefined;
  /** Names this upload, so that repeating it gives the same import. A fresh one by default. */
  requestId?: string | undefined;
  /** Told as bytes leave, in browsers. */
  onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** How often to try again when the connection breaks or the server is busy; 2 by default. */
  retries?: number | undefined;
}

/** How much of an upload has left. */
export interface UploadProgress {
  /** Bytes that have left. */
  loaded: number;
  /** Bytes in all. */
  total: number;
}

/** What to upload, and how to go on with it. */
export interface ResumableUploadOptions extends UploadOptions {
  /**
   * Whose upload it is. With it the upload is remembered in `storage`, so that the same file, brought again after the
   * page was loaded anew, goes on where it was.
   */
  user?: string | undefined;
  /** Where uploads under way are remembered; the browser's localStorage by default. */
  storage?: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined;
  /** Bytes in one request, for proxies that limit them; all that is left, by default. */
  pieceBytes?: number | undefined;
  /** How often to try again without a byte getting through; 10 by default. While the browser is offline none counts. */
  retries?: number | undefined;
  /** Told when the connection is lost, and when bytes flow again. */
  onConnection?: ((state: ConnectionState) => void) | undefined;
}

/** The options by the names that the server gives them. */
export const toFields = (options: UploadOptions, requestId: string) => ({
  schema: options.schema,
  on_issues: options.onIssues,
  mode: options.mode,
  dry_run: options.dryRun,
  request_id: requestId,
});

export const fileNameOf = ({ fileName, file }: UploadOptions): string =>
  fileName ?? (file as File).name ?? "workbook.xlsx";
