import type { IssueCode, JobStatus, StepState } from "../index.js";

/** Every text of the components. Give other ones for other languages. */
export interface Labels {
  /** BCP 47 tag for numbers; the browser's own if undefined. */
  locale: string | undefined;
  progress: string;
  steps: string;
  status: Record<JobStatus, string>;
  stepState: Record<Exclude<StepState, "unspecified">, string>;
  /** "37,400 of about 100,000 rows"; `total` is undefined while unknown, and exact unless `estimated`. */
  amount: (done: string, total: string | undefined, unit: string, estimated: boolean) => string;
  /** The names of the counters that are shown, in their order. */
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
}

/** The texts in English. */
export const defaultLabels: Labels = {
  locale: undefined,
  progress: "Progress",
  steps: "Steps",
  status: {
    queued: "Queued",
    active: "Running",
    waiting: "Needs a decision",
    completed: "Completed",
    failed: "Failed",
    cancelled: "Cancelled",
  },
  stepState: { pending: "To do", active: "Running", completed: "Done", failed: "Failed", skipped: "Not needed" },
  amount: (done, total, unit, estimated) =>
    `${done}${total === undefined ? "" : ` of ${estimated ? "about " : ""}${total}`} ${unit}`.trim(),
  counters: {
    inserted: "inserted",
    updated: "updated",
    unchanged: "unchanged",
    rejected: "rejected",
    blocked: "blocked",
    skipped: "skipped",
  },
  issueTable: {
    caption: "Issues",
    cell: "Cell",
    column: "Column",
    value: "Value",
    problem: "What is wrong",
    empty: "No issues match.",
    loading: "Loading…",
    failed: "The issues could not be loaded.",
    more: "Show more",
  },
  issueCodes: {
    required: "Empty",
    not_a_number: "Not a number",
    not_an_integer: "Not a whole number",
    not_a_boolean: "Not true or false",
    not_a_date: "Not a date",
    ambiguous_date: "Ambiguous date",
    not_a_time: "Not a time",
    not_an_email: "Not an e-mail address",
    not_a_phone: "Not a phone number",
    not_allowed: "Not an allowed value",
    length: "Wrong length",
    range: "Out of range",
    pattern: "Wrong pattern",
    duplicate_in_file: "Twice in this file",
    duplicate_in_database: "Already in the database",
    reference_missing: "Refers to nothing",
    reference_blocked: "Blocked by another row",
    reference_cycle: "Refers in a circle",
    cell_error: "Excel error",
    formula_without_value: "Formula never calculated",
    key_exists: "Key exists already",
    key_unknown: "Key not found",
    precision_lost: "Digits lost",
    number_as_text: "Number where text is expected",
    column_ignored: "Column ignored",
    ambiguous_number: "Ambiguous number",
    invalid_character: "Invalid character",
    normalized: "Cleaned up",
  },
};
