/** Headway's client: watch and steer jobs and imports, upload workbooks, read output. No framework needed. */
export * from "./calls.js";
export { type CallOptions, type Connection, HeadwayError } from "./connection.js";
export { type OutputPiece, type OutputReader, type ReadOutputOptions, readOutput } from "./output.js";
export { createSseParser, type SseEvent, type SseHandlers } from "./sse.js";
export { type ConnectionState, follow, followByFetch, type StreamOptions, type StreamTransport } from "./stream.js";
export type { Subscription } from "./subscription.js";
export * from "./types.js";
export { type UploadOptions, type UploadProgress, uploadWorkbook } from "./upload.js";
export {
  type Watch,
  type WatchImportOptions,
  type WatchJobOptions,
  type WatchOptions,
  watchImport,
  watchJob,
  watchJobs,
} from "./watch.js";
