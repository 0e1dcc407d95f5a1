import type { Issue, IssueCode, JobStatus, StepState } from "../index.js";

/** All texts of the components. Pass others for other languages. */
export interface Labels {
  /** The BCP 47 tag for numbers; the browser's own if undefined. */
  locale: string | undefined;
  progress: string;
  /** The button that starts work, and the same button while the work is in progress. */
  start: string;
  processing: string;
  steps: string;
  status: Record<JobStatus, string>;
  stepState: Record<Exclude<StepState, "unspecified">, string>;
  /** "37,400 of about 100,000 rows"; `total` is undefined while it is not known, and exact unless `estimated`. */
  amount: (done: string, total: string | undefined, unit: string, estimated: boolean) => string;
  /** The names of units, such as "rows". Other units are shown as the job names them. */
  units: Record<string, string>;
  /** The names of the counters that are shown, in this order. */
  counters: Record<string, string>;
  issueTable: {
    caption: string;
    cell: string;
    column: string;
    value: string;
    problem: string;
    empty: string;
    loading: string;
    failed: string;
    more: string;
  };
  issueCodes: Partial<Record<IssueCode, string>>;
  /** Returns the message of an issue. The server's own is in English. */
  issueMessage: (issue: Issue) => string;
  /** Returns the cell of an issue. The server's own is in English: “line 4,711, column 3”. */
  issueCell: (issue: Issue) => string;
}

/** The texts in English. */
export const defaultLabels: Labels = {
  locale: undefined,
  progress: "Progress",
  start: "Start",
  processing: "Processing…",
  steps: "Steps",
  status: {
    queued: "In the queue",
    active: "In progress",
    waiting: "Needs your decision",
    completed: "Done",
    failed: "Failed",
    cancelled: "Cancelled",
  },
  stepState: { pending: "Not started", active: "In progress", completed: "Done", failed: "Failed", skipped: "Skipped" },
  amount: (done, total, unit, estimated) =>
    `${done}${total === undefined ? "" : ` of ${estimated ? "about " : ""}${total}`} ${unit}`.trim(),
  units: {},
  counters: {
    inserted: "added",
    updated: "updated",
    unchanged: "already there",
    rejected: "with errors",
    blocked: "waiting for another row",
    skipped: "not checked",
  },
  issueTable: {
    caption: "Errors",
    cell: "Cell",
    column: "Column",
    value: "Value",
    problem: "Error",
    empty: "No errors match.",
    loading: "Loading…",
    failed: "The errors couldn't be loaded. Reload the page.",
    more: "Show more",
  },
  issueCodes: {
    required: "Missing value",
    not_a_number: "Not a number",
    not_an_integer: "Not a whole number",
    not_a_boolean: "Not true or false",
    not_a_date: "Not a date",
    ambiguous_date: "Ambiguous date",
    not_a_time: "Not a time",
    not_an_email: "Not an email address",
    not_a_phone: "Not a phone number",
    not_allowed: "Not an allowed value",
    length: "Wrong length",
    range: "Out of range",
    pattern: "Wrong pattern",
    duplicate_in_file: "Duplicate in this file",
    duplicate_in_database: "Already in the database",
    reference_missing: "Reference not found",
    reference_blocked: "Waiting for another row",
    reference_cycle: "Circular reference",
    cell_error: "Excel error",
    formula_without_value: "Formula without a value",
    key_exists: "Key already exists",
    key_unknown: "Key not found",
    precision_lost: "Digits lost",
    number_as_text: "Number where text is expected",
    column_ignored: "Column ignored",
    ambiguous_number: "Ambiguous number",
    invalid_character: "Invalid character",
    normalized: "Cleaned up",
    not_a_record: "Not a record",
    merged_cells: "Merged cells",
    object: "Picture or object",
    refused_by_database: "Rejected by the database",
    line_repaired: "Line repaired",
    line_unreadable: "Line can't be read",
  },
  issueMessage: (issue) => issue.message,
  issueCell: (issue) => issue.cell,
};
