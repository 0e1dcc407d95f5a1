/** The REST calls. Each takes the options of a connection in addition to its own, and rejects with a HeadwayError. */
import { type CallOptions, call, send, toQuery } from "./connection.js";
import type {
  FileFormats,
  FilePreview,
  Import,
  ImportMode,
  IssueCode,
  IssueSeverity,
  Job,
  JobStatus,
  ListImportsResponse,
  ListIssuesResponse,
  ListJobsResponse,
  ListKindsResponse,
  ListSchemasResponse,
  OnIssues,
  SavedMapping,
  Session,
  SheetMapping,
  Ticket,
} from "./types.js";

/** Identifies a job. */
export interface JobOptions extends CallOptions {
  jobId: string;
}

/** Identifies an import. */
export interface ImportOptions extends CallOptions {
  importId: string;
}

/** Selects a page of a list. */
export interface PageOptions extends CallOptions {
  pageSize?: number | undefined;
  /** The `nextPageToken` of the previous page. */
  pageToken?: string | undefined;
}

const jobPath = ({ jobId }: JobOptions) => `jobs/${encodeURIComponent(jobId)}`;
const importPath = (importId: string) => `imports/${encodeURIComponent(importId)}`;

const callForJob = (options: CallOptions, method: string, path: string, body?: unknown): Promise<Job> =>
  call<{ job: Job }>(options, method, path, body).then((answer) => answer.job);

const callForImport = (options: CallOptions, method: string, path: string, body?: unknown): Promise<Import> =>
  call<{ import: Import }>(options, method, path, body).then((answer) => answer.import);

/** Returns the current state of a job. */
export const getJob = (options: JobOptions): Promise<Job> => callForJob(options, "GET", jobPath(options));

/** Returns a page of the caller's jobs, newest first. */
export const listJobs = (
  options: PageOptions & { kinds?: readonly string[]; statuses?: readonly JobStatus[] } = {},
): Promise<ListJobsResponse> =>
  call(options, "GET", `jobs${toQuery(options, "kinds", "statuses", "pageSize", "pageToken")}`);

/** A job to create. */
export interface NewJob {
  kind: string;
  title?: string;
  payload?: Record<string, unknown>;
  /** Makes a repeated call return the same job. */
  requestId?: string;
  labels?: Record<string, string>;
}

/** Adds a job to the queue. */
export const createJob = (options: CallOptions & { job: NewJob }): Promise<Job> =>
  callForJob(options, "POST", "jobs", options.job);

/** Returns the kinds of jobs that workers can run, and how workers describe them. */
export const listKinds = (options: CallOptions = {}): Promise<ListKindsResponse> => call(options, "GET", "kinds");

const post = (options: JobOptions, verb: string, body: unknown = {}): Promise<Job> =>
  callForJob(options, "POST", `${jobPath(options)}:${verb}`, body);

/** Cancels a job. If a worker runs it, the job ends when the worker has stopped. */
export const cancel = (options: JobOptions): Promise<Job> => post(options, "cancel");

/** Queues a failed or cancelled job again. */
export const retry = (options: JobOptions): Promise<Job> => post(options, "retry");

/**
 * Answers the question of a waiting job. `questionRevision` is the revision of the snapshot with the question. It is required unless
 * this is the job's first question.
 */
export const resume = ({
  answer,
  questionRevision,
  ...options
}: JobOptions & { answer: Record<string, unknown>; questionRevision?: number }): Promise<Job> =>
  post(options, "resume", { answer, questionRevision });

/** Deletes a job that has ended, and its output. */
export const remove = (options: JobOptions): Promise<void> => call(options, "DELETE", jobPath(options));

/** Returns the current state of an import. */
export const getImport = (options: ImportOptions): Promise<Import> =>
  callForImport(options, "GET", importPath(options.importId));

/** Returns a page of the caller's imports, newest first. */
export const listImports = (options: PageOptions = {}): Promise<ListImportsResponse> =>
  call(options, "GET", `imports${toQuery(options, "pageSize", "pageToken")}`);

/** Selects issues. */
export interface IssueFilter {
  /** The name of a sheet in the schema. */
  sheet?: string | undefined;
  code?: IssueCode | undefined;
  severity?: IssueSeverity | undefined;
  /** Text in the cell, value, or message, in uppercase or lowercase. */
  search?: string | undefined;
}

/** Returns a page of the stored issues of an import, in the order of sheets and rows. */
export const listIssues = (options: ImportOptions & PageOptions & IssueFilter): Promise<ListIssuesResponse> => {
  const query = toQuery(options, "sheet", "code", "severity", "search", "pageSize", "pageToken");
  return call(options, "GET", `${importPath(options.importId)}/issues${query}`);
};

/**
 * Answers the review of an import: true commits the valid rows, false cancels the import. `questionRevision` is the revision of the
 * snapshot with the question. It is required to commit unless this is the first review of the import.
 */
export const confirm = ({
  commit,
  questionRevision,
  ...options
}: ImportOptions & { commit: boolean; questionRevision?: number }): Promise<Import> =>
  callForImport(options, "POST", `${importPath(options.importId)}:confirm`, { commit, questionRevision });

/** The options for reading the file of an import again. Unset options are those of the import. */
export interface FileChanges extends FileFormats {
  mapping?: readonly SheetMapping[] | undefined;
}

/** Returns the contents of the stored file of an import, and how it could be imported. The import has ended or waits for review. */
export const previewImport = (options: ImportOptions & { changes?: FileChanges }): Promise<FilePreview> =>
  call<{ preview: FilePreview }>(
    options,
    "POST",
    `${importPath(options.importId)}:preview`,
    options.changes ?? {},
  ).then((answer) => answer.preview);

/** The options for repeating an import. Unset options are those of the earlier import. */
export interface ImportChanges extends FileChanges {
  onIssues?: OnIssues;
  mode?: ImportMode;
  dryRun?: boolean;
  /** Makes a repeated call return the same import. */
  requestId?: string;
}

/** Imports the stored file of an import again. If that import waits for review, it is declined. Returns the new import. */
export const repeatImport = (options: ImportOptions & { changes?: ImportChanges }): Promise<Import> =>
  callForImport(options, "POST", `${importPath(options.importId)}:repeat`, options.changes ?? {});

/** Returns the schemas of the server. */
export const listSchemas = (options: CallOptions = {}): Promise<ListSchemasResponse> => call(options, "GET", "schemas");

const mappingsPath = (schema: string, name?: string) =>
  `schemas/${encodeURIComponent(schema)}/mappings${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;

/** Returns the user's saved mappings for a schema, and those that other users share. */
export const listMappings = (options: CallOptions & { schema: string }): Promise<SavedMapping[]> =>
  call<{ mappings: SavedMapping[] }>(options, "GET", mappingsPath(options.schema)).then(({ mappings }) => mappings);

/** A mapping to save. A name has no slash. Shared mappings are visible to all users of the schema. */
export interface NewMapping {
  schema: string;
  name: string;
  mapping: readonly SheetMapping[];
  shared?: boolean;
}

/** Saves a mapping, instead of the user's mapping with the same name. */
export const saveMapping = ({ schema, name, mapping, shared, ...options }: CallOptions & NewMapping) =>
  call<{ mapping: SavedMapping }>(options, "PUT", mappingsPath(schema, name), { mapping, shared }).then(
    (answer) => answer.mapping,
  );

/** Deletes the user's mapping with this name. */
export const deleteMapping = (options: CallOptions & { schema: string; name: string }): Promise<void> =>
  call(options, "DELETE", mappingsPath(options.schema, options.name));

/** Returns the session: the user, and the limits of the server. */
export const getSession = (options: CallOptions = {}): Promise<Session> => call(options, "GET", "session");

/**
 * Starts a session, and stores it in a cookie. With a token in the options, the session is that of the token's user. With
 * the secret of a sign-in link, it is that of the server's local user. Without either, a local session gets a new lifetime.
 */
export const signIn = (options: CallOptions = {}, link?: { secret: string }): Promise<Session> =>
  call(options, "POST", "session", link);

/** Ends the session. The server no longer accepts its cookie. */
export const signOut = (options: CallOptions = {}): Promise<void> => call(options, "DELETE", "session");

/** Returns a single-use ticket for an EventSource, which can't send headers. */
export const createTicket = (options: CallOptions = {}): Promise<Ticket> => call(options, "POST", "sse/tickets", {});

/** Returns the path of a job's output as a file. */
export const outputPath = (jobId: string): string => `/api/v1/${jobPath({ jobId })}/output`;

/** The language of the texts of a file: "de". Without it, a browser's own language applies. */
const inLanguage = (language?: string) => (language ? `?language=${encodeURIComponent(language)}` : "");

/** Returns the path of the workbook with an import's rejected and blocked rows. */
export const reportPath = (importId: string, language?: string): string =>
  `/api/v1/${importPath(importId)}/report.xlsx${inLanguage(language)}`;

/** Returns the path of the workbook with the rows of a committed import and their results. */
export const importedPath = (importId: string, language?: string): string =>
  `/api/v1/${importPath(importId)}/imported.xlsx${inLanguage(language)}`;

/** Returns the path of an import's issues as CSV. */
export const issuesCsvPath = (importId: string, language?: string): string =>
  `/api/v1/${importPath(importId)}/issues.csv${inLanguage(language)}`;

const schemaPath = (schema: string) => `/api/v1/schemas/${encodeURIComponent(schema)}`;

/** Returns the path of a schema's empty workbook. */
export const templatePath = (schema: string, language?: string): string =>
  `${schemaPath(schema)}/template.xlsx${inLanguage(language)}`;

/** The contents of a sample workbook. */
export interface SampleOptions {
  /** The number of rows of the largest sheet. */
  rows?: number | undefined;
  /** The number of mistakes. */
  issues?: number | undefined;
  /** The same seed returns the same workbook. */
  seed?: number | undefined;
}

/** Returns the path of a generated sample workbook. */
export const samplePath = (schema: string, options: SampleOptions = {}): string =>
  `${schemaPath(schema)}/sample.xlsx${toQuery(options, "rows", "issues", "seed")}`;

/** Downloads a file with the caller's credentials. The server sets its name. */
export async function download(options: CallOptions & { path: string }): Promise<File> {
  const response = await send(options, options.path);
  // A name beyond ASCII is in filename* (RFC 6266), and filename has a substitute.
  const disposition = response.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=UTF-8''([^;\s]+)/i.exec(disposition)?.[1];
  const plain = /filename="?([^";]+)/.exec(disposition)?.[1];
  const name = (encoded && decode(encoded)) ?? plain ?? options.path.replace(/^[^?]*\/|\?.*/g, "");
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}

/** Decodes a percent-encoded name. It returns undefined if the name is damaged. */
function decode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
