/** The texts of the form for uploads. */
import { count } from "../../ui/texts.js";

export const texts = {
  drop: "Drag your file here",
  dropNow: "Drop to upload",
  or: "or",
  choose: "Choose file",
  limit: (size: string) => `Excel file (.xlsx or .xlsm), LibreOffice file (.ods), or CSV file, up to ${size}`,

  options: "Import options",
  onIssues: "If some rows have errors",
  onIssuesChoices: {
    review: { title: "Ask me first", hint: "Nothing is saved until you decide." },
    skip_rows: {
      title: "Skip them and import the rest",
      hint: "You can download the skipped rows and fix them.",
    },
    abort: { title: "Don't import anything", hint: "A single error stops the import." },
  },
  dryRun: "Test only: nothing is saved",
  dryRunHint: "Checks the whole file and shows the result.",

  reviewMapping: "Let me check the columns",
  reviewMappingHint: "Shows which columns of your file are imported, even if all have the expected names.",

  sample: "No file yet?",
  sampleLead: "The server creates a sample file with seven sheets and a few errors, and imports it like your own file.",
  sampleSize: "Number of employees",
  sampleTry: "Try a sample file",

  tooLarge: (size: string, limit: string) =>
    `This file is ${size}. The limit is ${limit}. Split it into smaller files.`,
  empty: "This file is empty. Choose another file.",
  notExcel: (name: string) =>
    `“${name}” is not an Excel, LibreOffice, or CSV file. Open it in Excel, save it as .xlsx, and upload it again.`,

  several: (n: number) => `You dropped ${count(n)} files`,
  severalLead: "You can import one file at a time. Choose the one to import now.",
  severalMore: (n: number) => `${count(n)} more ${n === 1 ? "is" : "are"} not listed.`,
  severalCancel: "Cancel",

  schema: "What do you want to import?",
  contents: (title: string) => `Contents of a file for “${title}”`,
  optional: "(optional)",
  required: "required",
  requiredMark: "* Required columns. The order of sheets and columns doesn't matter.",
  templateLink: "Download the template (.xlsx)",
  noSchemas: "The choices couldn't be loaded",
  noneAllowed: "You don't have permission to import. Ask the operator for access.",

  preparing: (n: number) => `Creating a sample file with ${count(n)} employees…`,
  sending: "Uploading",
  waiting: "Connection lost. The upload resumes when you're back online.",
  checking: "Upload complete. Checking your file…",
  progress: (loaded: string, total: string) => `${loaded} of ${total}`,
  cancel: "Cancel upload",
  pause: "Pause",
  resume: "Resume",
  pausedByUser: "Paused. The part that has been uploaded is saved.",
  pausedBySession: "Paused, because your session has ended. Sign in again to continue.",
  unfinished: "An upload was interrupted",
  unfinishedLead: (names: string) => `To continue where it stopped, choose the same file again: ${names}.`,
  discard: "Discard upload",
  elsewhere: (names: string) => `Another tab is uploading: ${names}.`,
  isElsewhere: (name: string) =>
    `Another tab is already uploading “${name}”. Wait until it has finished, or cancel it there.`,
  link: {
    sending: (percent: number) => `Uploading: ${percent}%`,
    paused: (percent: number) => `Upload paused: ${percent}%`,
    preparing: "Creating a sample file…",
    mapping: "Upload complete. Check your columns",
    accepted: "Upload complete. View the import",
    failed: "Upload failed",
  },
  failed: "This file can't be imported",
  again: "Choose another file",
  retry: "Try again",
};
