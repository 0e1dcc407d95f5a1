/** Every text of the page, in English. For another language, give the same shape with other sentences. */
import { defaultLabels, type Labels } from "@headway/client/react";

/** BCP 47 tag for numbers and times; the browser's own if undefined. */
export const locale: string | undefined = "en";

const count = (n: number) => n.toLocaleString(locale);
const rows = (n: number) => `${count(n)} ${n === 1 ? "row" : "rows"}`;

export const labels: Labels = { ...defaultLabels, locale };

export const texts = {
  name: "Headway",
  skipToContent: "Skip to content",
  nav: { label: "Main", start: "Import", jobs: "Jobs", live: (n: number) => `${count(n)} under way`, docs: "API" },

  session: {
    signedInAs: "Signed in as",
    signOut: "Sign out",
    checking: "Connecting…",
    heading: "Sign in",
    lead: "This server needs a token. Ask its operator for one, or make it with “headway token --sub NAME”.",
    token: "Token",
    submit: "Sign in",
    submitting: "Signing in…",
    offlineHeading: "The server does not answer",
    offlineLead: "This page keeps trying and goes on by itself as soon as it does.",
  },

  start: {
    heading: "Bring a workbook. Watch every row arrive.",
    lead: "Each cell is checked, and you see every problem at its cell. The rows are written all at once at the end, or not at all.",
    drop: "Drop your workbook here",
    dropNow: "Let go to upload",
    or: "or",
    choose: "Choose workbook",
    limit: (size: string) => `Excel workbook (.xlsx or .xlsm), up to ${size}`,
    options: "How to import",
    onIssues: "If rows have problems",
    onIssuesChoices: {
      review: { title: "Ask me", hint: "Nothing is written until you have seen the numbers and decided." },
      skip_rows: { title: "Import the valid rows", hint: "The others come back in a report, ready to be mended." },
      abort: { title: "Import nothing", hint: "One bad row is enough to leave the database as it is." },
    },
    dryRun: "Dry run",
    dryRunHint: "Do everything, then roll it back: real numbers, nothing written.",
    sample: "No workbook at hand?",
    sampleLead:
      "The server makes one with seven sheets and a few wrong rows in it. It is then uploaded like yours would be. To fill in your own:",
    sampleSize: "Employees in the sample",
    sampleTry: "Try the sample",
    template: "download the empty template",
    recent: "Your latest jobs",
    allJobs: "All jobs",
    tooLarge: (size: string, limit: string) => `This file has ${size}; the server takes up to ${limit}.`,
    empty: "This file is empty. Choose the workbook itself.",
    notAWorkbook: (name: string) => `“${name}” is no Excel workbook. Save it as .xlsx and try again.`,
    one: "One workbook at a time: only the first file was taken.",
  },

  other: {
    heading: "Start another job",
    lead: "Any long work can run here. This is what workers are waiting for right now, and you can watch them at it.",
    starting: "Starting…",
    character: {
      heading: "Build a character",
      lead: "Eight steps by rules and dice, and a story that is told while you read.",
      name: "Name",
      namePlaceholder: "Found by the worker",
      seed: "Seed",
      seedPlaceholder: "Any",
      submit: "Build it",
      title: (name: string) => (name ? `The character of ${name}` : "A new character"),
    },
    media: {
      heading: "Render a picture",
      lead: "Ray by ray, and you see it grow from the top.",
      scene: "Scene",
      scenes: { spheres: "Spheres", julia: "Julia set" },
      size: "Size in pixels",
      submit: "Render it",
      title: (scene: string, size: string) => `${scene}, ${size}`,
    },
  },

  upload: {
    preparing: (n: number) => `The server is making a sample with ${count(n)} employees…`,
    sending: "Uploading",
    waiting: "Connection lost. The upload goes on where it broke off; reconnecting…",
    checking: "All bytes are there. The server is looking at the workbook…",
    progress: (loaded: string, total: string) => `${loaded} of ${total}`,
    cancel: "Cancel upload",
    failed: "The workbook was not accepted",
    again: "Choose another workbook",
    retry: "Try again",
  },

  job: {
    back: "New import",
    backToJobs: "All jobs",
    loading: "Loading…",
    dryRun: "Dry run",
    attempt: (n: number) => `Attempt ${count(n)}`,
    queued: (position: number | undefined) =>
      position ? `${count(position)} ${position === 1 ? "job goes" : "jobs go"} first.` : "Next in line.",
    stalled: "The worker is alive, but nothing has moved for a while.",
    cancelling: "Stopping…",
    cancel: "Cancel",
    retry: "Try again",
    startOver: "Import another workbook",
    remove: "Delete",
    elapsed: "Elapsed",
    rate: "Speed",
    timeLeft: "Time left",
    perSecond: (rate: string, unit: string) => `${rate} ${unit}/s`,
    left: (time: string) => `about ${time}`,
    none: "–",
    plot: (peak: string) => `Speed over time; the fastest was ${peak}`,
    steps: "Steps",
    result: "Result",
    question: "The job is waiting for an answer",
    answer: "Your answer, as JSON",
    sendAnswer: "Send the answer",
    answerInvalid: "This is no JSON object.",
    output: "Output",
    outputWaiting: "Output appears here as the job writes it.",
    outputTruncated: "Only the last part is shown.",
    picture: "The job's picture so far",
    failed: "This job failed",
    cancelled: "This job was cancelled",
    notFound: "There is nothing here",
    notFoundLead: "It does not exist any more, or it belongs to somebody else.",
    broken: "This could not be loaded",
    reason: "Reason",
    announce: (title: string, status: string) => `${title}: ${status}`,
    announceStep: (step: string) => `Now: ${step}`,
  },

  connection: {
    lost: "Connection lost. The job goes on without this page; reconnecting…",
    offline: "You are offline. The job goes on without this page; it comes back by itself.",
  },

  streams: {
    held: {
      heading: "Live updates come late.",
      lead: "Something between this browser and the server gathers them: a proxy, or software that inspects traffic. Whoever runs it can let streams pass unbuffered.",
    },
    cut: {
      heading: "Live updates are cut off again and again.",
      lead: "Something between this browser and the server ends long answers: a proxy, or software that inspects traffic. Whoever runs it can give streams more time.",
    },
    dismiss: "Dismiss",
  },

  import: {
    totals: "Rows so far",
    totalsDone: "Rows",
    counts: {
      read: "read",
      inserted: "inserted",
      updated: "updated",
      unchanged: "unchanged",
      rejected: "rejected",
      blocked: "blocked",
      skipped: "not decided",
    },
    countHints: {
      rejected: "Rows with a problem of their own",
      blocked: "Rows that refer to a rejected one",
      skipped: "Rows that the run did not get to",
    },
    adds: "The numbers add up:",
    review: {
      heading: "Your decision",
      lead: (bad: number) =>
        `${rows(bad)} cannot be imported as ${bad === 1 ? "it is" : "they are"}. Nothing has been written yet. This is what would happen:`,
      table: "What would happen, by sheet",
      sheet: "Sheet",
      all: "All sheets",
      commit: (n: number) => `Import ${n === 1 ? "1 valid row" : `${count(n)} valid rows`}`,
      commitHint: (bad: number) => `The other ${rows(bad)} are left out and stay in the report.`,
      decline: "Give up",
      declineHint: "Nothing is written. Mend the workbook and bring it again.",
    },
    done: {
      committed: (n: number) => `${rows(n)} ${n === 1 ? "is" : "are"} in the database`,
      unchanged: "Everything was in the database already",
      unchangedButBad: "All valid rows were in the database already",
      dryRun: "Dry run: nothing was written",
      dryRunLead: (n: number) => `A real run would have written ${rows(n)}.`,
      leftOut: (n: number) =>
        `${rows(n)} ${n === 1 ? "was" : "were"} left out. The report has ${n === 1 ? "it" : "them"}, ready to be mended.`,
      clean: "Not a single problem was found.",
    },
    failed: {
      rows_rejected: "Nothing was imported",
      declined: "You gave this import up",
      cancelled: "This import was cancelled",
      other: "This import failed",
      nothingWritten: "The database is as it was before.",
    },
    imported: "Imported rows, with what happened to each (.xlsx)",
    report: "Report with the rows to mend (.xlsx)",
    csv: "Issues as CSV",
    issues: {
      heading: "Issues",
      none: "No problems so far",
      count: (n: number) => `${count(n)} ${n === 1 ? "issue" : "issues"}`,
      warnings: (n: number) => `${count(n)} ${n === 1 ? "warning" : "warnings"}`,
      causes: "Root causes",
      causesLead: "Mending these frees the most rows.",
      moreCauses: (n: number) => `${count(n)} smaller ${n === 1 ? "cause" : "causes"}`,
      blocks: (n: number) => `blocks ${rows(n)}`,
      newest: "Found last",
      newestLead: "The full list can be searched as soon as the run has ended.",
      search: "Search issues",
      searchHint: "Cell, value or text",
      sheet: "Sheet",
      code: "Problem",
      any: "All",
      list: "List of issues",
      kept: (kept: number, found: number) => `The first ${count(kept)} of ${count(found)} are kept; all are counted.`,
    },
  },

  jobs: {
    heading: "Jobs",
    lead: "Everything of yours that runs here, live.",
    filter: "Show",
    filters: {
      all: "All",
      live: "Under way",
      waiting: "To decide",
      completed: "Completed",
      ended: "Failed or cancelled",
    },
    empty: "No jobs yet",
    emptyLead: "Import a workbook, and it shows up here.",
    noneMatch: "No job matches.",
    more: "Show older jobs",
    untitled: (kind: string) => `Untitled ${kind}`,
    kinds: { import: "Import", character: "Character", media: "Picture", crawl: "Crawl", story: "Story" } as Record<
      string,
      string
    >,
  },

  /** What to add to the server's own sentence, by reason. */
  errors: {
    NETWORK: "The server did not answer. Check the connection and try again.",
    HTTP: "Something between this page and the server answered in its place.",
    TOKEN_EXPIRED: "Your session has ended. Sign in again.",
    unknown: "Something went wrong.",
  } as Record<string, string>,

  time: {
    now: "just now",
    seconds: (n: number) => `${count(n)} s`,
    minutes: (m: number, s: number) => (s ? `${count(m)} min ${s} s` : `${count(m)} min`),
    hours: (h: number, m: number) => (m ? `${count(h)} h ${m} min` : `${count(h)} h`),
  },
};
