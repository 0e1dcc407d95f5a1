/** Headway's client: watch and manage jobs and imports, upload workbooks, read output. It needs no framework. */
export * from "./rest/calls.js";
export { type CallOptions, type Connection, type ConnectionState, HeadwayError } from "./rest/connection.js";
export * from "./rest/types.js";
export { type OutputChunk, type OutputReader, type ReadOutputOptions, readOutput } from "./streams/output.js";
export { createSseParser, type SseEvent, type SseHandlers } from "./streams/sse.js";
export {
  follow,
  followByFetch,
  type StreamOptions,
  type StreamTransport,
} from "./streams/stream.js";
export type { Subscription } from "./streams/subscription.js";
export {
  type Watch,
  type WatchImportOptions,
  type WatchJobOptions,
  type WatchOptions,
  watchImport,
  watchJob,
  watchJobs,
} from "./streams/watch.js";
export type { MappingAnswer, MappingQuestion } from "./uploads/mapping.js";
export type { UploadOptions, UploadProgress } from "./uploads/options.js";
export { previewFile, uploadWorkbook } from "./uploads/upload.js";
