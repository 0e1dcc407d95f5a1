"use client";

/** React hooks and components for Headway. They work in strict mode, and render on a server without a connection. */
export { Fill } from "./Fill.js";
export { type HeadwayConnection, HeadwayProvider, useConnection } from "./HeadwayProvider.js";
export { ImportStepper, type ImportStepperProps } from "./ImportStepper.js";
export { IssueTable, type IssueTableProps } from "./IssueTable.js";
export { importQuestion } from "./importQuestion.js";
export { JobProgress, type JobProgressProps } from "./JobProgress.js";
export { germanLabels } from "./labels.de.js";
export { defaultLabels, type Labels } from "./labels.js";
export type { JoinedHeaders, MappedColumn, MappedSheet } from "./mappingDraft.js";
export type { ColumnPart } from "./mappingParts.js";
export { ProcessingProgress, type ProcessingProgressProps } from "./ProcessingProgress.js";
export type { ProgressStreamOptions, ProgressUpdate } from "./progressStream.js";
export { useImport } from "./useImport.js";
export { type IssuePages, useIssues } from "./useIssues.js";
export { type UseJobOptions, useJob } from "./useJob.js";
export { type LiveOutput, type UseJobOutputOptions, useJobOutput } from "./useJobOutput.js";
export { type JobSSE, type UseJobSSEOptions, useJobSSE } from "./useJobSSE.js";
export { type LiveJobs, useJobs } from "./useJobs.js";
export { type MappingEditor, useMapping } from "./useMapping.js";
export { type Nearby, useNearby } from "./useNearby.js";
export { type SSEProgress, useSSEProgress } from "./useSSEProgress.js";
export { type PausableUpload, type SendUpload, type Upload, type UploadState, useUpload } from "./useUpload.js";
export type { LiveJob } from "./useWatch.js";
