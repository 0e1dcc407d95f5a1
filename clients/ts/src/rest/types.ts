/** Short names for the types of the API. All are generated from the server's OpenAPI document. */
import type { components } from "./openapi.gen.js";

type Schemas = components["schemas"];

export type Job = Schemas["headway.jobs.v1.Job"];
export type JobStatus = Exclude<Schemas["headway.jobs.v1.JobStatus"], "unspecified">;
export type JobError = Schemas["headway.jobs.v1.JobError"];
export type Step = Schemas["headway.jobs.v1.Step"];
export type StepState = Schemas["headway.jobs.v1.StepState"];
export type Import = Schemas["headway.imports.v1.Import"];
export type SheetImport = Schemas["headway.imports.v1.SheetImport"];
export type Counts = Schemas["headway.imports.v1.Counts"];
export type Issue = Schemas["headway.imports.v1.Issue"];
export type IssueCode = Schemas["headway.imports.v1.IssueCode"];
export type IssueSeverity = Schemas["headway.imports.v1.IssueSeverity"];
/** A message of the catalogs in internal/messages, which a page can write in its own language. */
export type Text = Schemas["headway.imports.v1.Text"];
export type Parameter = Schemas["headway.imports.v1.Parameter"];
export type Location = Schemas["headway.imports.v1.Location"];
export type Notice = Schemas["headway.imports.v1.Notice"];
export type RootCause = Schemas["headway.imports.v1.RootCause"];
export type OnIssues = Exclude<Schemas["headway.imports.v1.OnIssues"], "unspecified">;
export type ImportMode = Exclude<Schemas["headway.imports.v1.ImportMode"], "unspecified">;
export type Schema = Schemas["headway.imports.v1.Schema"];
export type SchemaSheet = Schemas["headway.imports.v1.SchemaSheet"];
export type SchemaColumn = Schemas["headway.imports.v1.SchemaColumn"];
export type FilePreview = Schemas["headway.imports.v1.FilePreview"];
export type PreviewSheet = Schemas["headway.imports.v1.PreviewSheet"];
export type PreviewColumn = Schemas["headway.imports.v1.PreviewColumn"];
export type SheetProposal = Schemas["headway.imports.v1.SheetProposal"];
export type ColumnProposal = Schemas["headway.imports.v1.ColumnProposal"];
/** Value rules of a column. Rules that are not set change nothing. */
export type ValueRules = Partial<Schemas["headway.imports.v1.ValueRules"]>;
export type SheetMapping = Omit<Schemas["headway.imports.v1.SheetMapping"], "rules"> & {
  /** Value rules by the schema's names of columns. Each replaces the same rule of the schema. */
  rules?: Readonly<Record<string, ValueRules>>;
};
/** How to read a text file. Parts that are not set are detected from the file. */
export type TextFormat = Partial<Schemas["headway.imports.v1.TextFormat"]>;
/** How to read text files. Formats that are not set are those of the upload. */
export interface FileFormats {
  /** The format of the only text file, or of all that `textFormats` does not have. */
  textFormat?: TextFormat;
  /** The formats of several text files, by their names. */
  textFormats?: Readonly<Record<string, TextFormat>>;
}
export type ColumnSplit = Schemas["headway.imports.v1.ColumnSplit"];
export type SampleValue = Schemas["headway.imports.v1.SampleValue"];
export type ColumnChanges = Schemas["headway.imports.v1.ColumnChanges"];
export type ColumnJoin = Schemas["headway.imports.v1.ColumnJoin"];
export type SavedMapping = Omit<Schemas["headway.imports.v1.SavedMapping"], "mapping"> & { mapping: SheetMapping[] };
export type ListJobsResponse = Schemas["headway.jobs.v1.ListJobsResponse"];
export type ListKindsResponse = Schemas["headway.jobs.v1.ListKindsResponse"];
export type KindDescription = Schemas["headway.jobs.v1.KindDescription"];
export type KindField = Schemas["headway.jobs.v1.KindField"];
export type ListImportsResponse = Schemas["headway.imports.v1.ListImportsResponse"];
export type ListIssuesResponse = Schemas["headway.imports.v1.ListIssuesResponse"];
export type ListSchemasResponse = Schemas["headway.imports.v1.ListSchemasResponse"];
export type AcceptedImport = Required<Schemas["headway.imports.v1.UploadWorkbookResponse"]>;
export type Session = Schemas["Session"];
export type Ticket = Schemas["Ticket"];
export type OutputMessage = Schemas["OutputMessage"];

/** One message of a stream: the JSON after `data:`. */
export type StreamMessage = Schemas["headway.edge.v1.StreamMessage"];

/** The details that an import's stream adds to its job: sheets, counters, root causes, and the latest issues. */
export type ImportDetail = Schemas["headway.edge.v1.ImportDetail"];

/** The whole state of a job at one revision. */
export type JobSnapshot = StreamMessage & {
  jobId: string;
  kind: string;
  status: JobStatus;
  /** From 0 to 100. It never decreases. */
  progress: number;
  /** Increases with every change of the job. */
  revision: number;
};

/** Reports whether a status is terminal: the job has ended. */
export function isTerminal(status: JobStatus | undefined): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

/** Converts a job of the REST routes to a snapshot, as streams send it. */
export function toSnapshot(job: Job): JobSnapshot {
  const { progress, error, status, updatedAt, ...rest } = job;
  const { percent = 0, currentStep, ...live } = progress ?? {};
  return {
    ...rest,
    steps: [],
    ...live,
    type: "initial_status",
    status: status as JobStatus,
    progress: percent,
    step: currentStep,
    failedReason: error?.message,
    reason: error?.reason,
    timestamp: updatedAt,
  };
}
