/** The REST calls: each takes a connection's options beside its own, and rejects with a HeadwayError. */
import { type CallOptions, call, send, toQuery } from "./connection.js";
import type {
  Import,
  IssueCode,
  IssueSeverity,
  Job,
  JobStatus,
  ListImportsResponse,
  ListIssuesResponse,
  ListJobsResponse,
  ListSchemasResponse,
  Session,
  Ticket,
} from "./types.js";

/** Names a job. */
export interface JobOptions extends CallOptions {
  jobId: string;
}

/** Names an import. */
export interface ImportOptions extends CallOptions {
  importId: string;
}

/** Which page of a list to give. */
export interface PageOptions extends CallOptions {
  pageSize?: number | undefined;
  /** `nextPageToken` of the page before. */
  pageToken?: string | undefined;
}

const jobPath = ({ jobId }: JobOptions) => `jobs/${encodeURIComponent(jobId)}`;
const importPath = (importId: string) => `imports/${encodeURIComponent(importId)}`;

const callForJob = (options: CallOptions, method: string, path: string, body?: unknown): Promise<Job> =>
  call<{ job: Job }>(options, method, path, body).then((answer) => answer.job);

const callForImport = (options: CallOptions, method: string, path: string, body?: unknown): Promise<Import> =>
  call<{ import: Import }>(options, method, path, body).then((answer) => answer.import);

/** Gives a job's current snapshot. */
export const getJob = (options: JobOptions): Promise<Job> => callForJob(options, "GET", jobPath(options));

/** Pages through the caller's jobs, newest first. */
export const listJobs = (
  options: PageOptions & { kinds?: readonly string[]; statuses?: readonly JobStatus[] } = {},
): Promise<ListJobsResponse> =>
  call(options, "GET", `jobs${toQuery(options, "kinds", "statuses", "pageSize", "pageToken")}`);

/** What a new job is. */
export interface NewJob {
  kind: string;
  title?: string;
  payload?: Record<string, unknown>;
  /** Makes creating safe to repeat. */
  requestId?: string;
  labels?: Record<string, string>;
}

/** Puts a job into the queue. */
export const createJob = (options: CallOptions & { job: NewJob }): Promise<Job> =>
  callForJob(options, "POST", "jobs", options.job);

/** Names the kinds of jobs that workers are there for: what is worth offering. */
export const listKinds = (options: CallOptions = {}): Promise<string[]> =>
  call<{ kinds?: string[] }>(options, "GET", "kinds").then((answer) => answer.kinds ?? []);

const steer = (options: JobOptions, verb: string, body: unknown = {}): Promise<Job> =>
  callForJob(options, "POST", `${jobPath(options)}:${verb}`, body);

/** Cancels a job: at once, or as soon as its worker has stopped. */
export const cancel = (options: JobOptions): Promise<Job> => steer(options, "cancel");

/** Queues a failed or cancelled job again. */
export const retry = (options: JobOptions): Promise<Job> => steer(options, "retry");

/** Answers the question of a waiting job. */
export const resume = (options: JobOptions & { answer: Record<string, unknown> }): Promise<Job> =>
  steer(options, "resume", { answer: options.answer });

/** Deletes a job that has ended, and its output. */
export const remove = (options: JobOptions): Promise<void> => call(options, "DELETE", jobPath(options));

/** Gives an import's current snapshot. */
export const getImport = (options: ImportOptions): Promise<Import> =>
  callForImport(options, "GET", importPath(options.importId));

/** Pages through the caller's imports, newest first. */
export const listImports = (options: PageOptions = {}): Promise<ListImportsResponse> =>
  call(options, "GET", `imports${toQuery(options, "pageSize", "pageToken")}`);

/** Which issues to list. */
export interface IssueFilter {
  /** The schema's name of a sheet. */
  sheet?: string | undefined;
  code?: IssueCode | undefined;
  severity?: IssueSeverity | undefined;
  /** Text in the cell, value or message, in any case. */
  search?: string | undefined;
}

/** Pages through the kept issues of an import, in the order of sheets and rows. */
export const listIssues = (options: ImportOptions & PageOptions & IssueFilter): Promise<ListIssuesResponse> => {
  const query = toQuery(options, "sheet", "code", "severity", "search", "pageSize", "pageToken");
  return call(options, "GET", `${importPath(options.importId)}/issues${query}`);
};

/** Decides an import that waits for review: true commits the valid rows, false gives it up. */
export const confirm = ({ commit, ...options }: ImportOptions & { commit: boolean }): Promise<Import> =>
  callForImport(options, "POST", `${importPath(options.importId)}:confirm`, { commit });

/** Names the schemas that workbooks can be uploaded for. */
export const listSchemas = (options: CallOptions = {}): Promise<ListSchemasResponse> => call(options, "GET", "schemas");

/** Says who is signed in, and what holds for them. */
export const getSession = (options: CallOptions = {}): Promise<Session> => call(options, "GET", "session");

/**
 * Starts a session, and stores it in a cookie. With a token in the options, the session is that of the token's user. With
 * the secret of a sign-in link, it is that of the server's local user. Without either, a local session gets a new lifetime.
 */
export const signIn = (options: CallOptions = {}, link?: { secret: string }): Promise<Session> =>
  call(options, "POST", "session", link);

/** Ends the session. The server no longer accepts its cookie. */
export const signOut = (options: CallOptions = {}): Promise<void> => call(options, "DELETE", "session");

/** Gives a one-time ticket for an EventSource, which cannot send headers. */
export const createTicket = (options: CallOptions = {}): Promise<Ticket> => call(options, "POST", "sse/tickets", {});

/** Path of the workbook with an import's rejected and blocked rows. */
export const reportPath = (importId: string): string => `/api/v1/${importPath(importId)}/report.xlsx`;

/** Path of the workbook with the rows of a committed import, each with what happened to it. */
export const importedPath = (importId: string): string => `/api/v1/${importPath(importId)}/imported.xlsx`;

/** Path of an import's issues as CSV. */
export const issuesCsvPath = (importId: string): string => `/api/v1/${importPath(importId)}/issues.csv`;

const schemaPath = (schema: string) => `/api/v1/schemas/${encodeURIComponent(schema)}`;

/** Path of a schema's empty workbook. */
export const templatePath = (schema: string): string => `${schemaPath(schema)}/template.xlsx`;

/** What a sample workbook holds. */
export interface SampleOptions {
  /** Rows of the largest sheet. */
  rows?: number | undefined;
  /** Faults to put in. */
  issues?: number | undefined;
  /** The same seed gives the same workbook. */
  seed?: number | undefined;
}

/** Path of a generated workbook to try things out with. */
export const samplePath = (schema: string, options: SampleOptions = {}): string =>
  `${schemaPath(schema)}/sample.xlsx${toQuery(options, "rows", "issues", "seed")}`;

/** Downloads a file with the caller's credentials, named as the server says. */
export async function download(options: CallOptions & { path: string }): Promise<File> {
  const response = await send(options, options.path);
  const named = /filename="?([^";]+)/.exec(response.headers.get("Content-Disposition") ?? "");
  const name = named?.[1] ?? options.path.replace(/^[^?]*\/|\?.*/g, "");
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}
