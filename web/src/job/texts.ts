/** The texts of the parts that show a job. */
import { count } from "../ui/texts.js";

const jobWord = (kind: string) => (kind === "import" ? "import" : "job");

export const texts = {
  /** Imports have their own page. All other kinds have the names that their workers chose. */
  kind: (kind: string) => (kind === "import" ? "Import" : kind),
  untitled: (kind: string) => `Untitled ${kind}`,
  loading: "Loading…",
  attempt: (n: number) => `Attempt ${count(n)}`,
  queued: (kind: string, ahead: number | undefined) =>
    ahead ? `${count(ahead)} ${ahead === 1 ? "job is" : "jobs are"} ahead of yours.` : `Your ${jobWord(kind)} is next.`,
  stalled: "No progress for a while. The job is still running.",
  cancel: (kind: string) => `Cancel ${jobWord(kind)}`,
  cancelling: "Cancelling…",
  retry: "Try again",
  elapsed: "Time elapsed",
  rate: "Speed",
  timeLeft: "Time left",
  perSecond: (rate: string, unit: string) => `${rate} ${unit}/s`,
  left: (time: string) => `about ${time}`,
  none: "–",
  plot: (peak: string) => `Speed over time, up to ${peak}`,
  steps: "Steps",
  output: "Output",
  outputWaiting: "Output appears here as the job writes it.",
  outputTruncated: "Only the last part is shown.",
  outputBinary: (size: string) => `The output isn't text: ${size} so far.`,
  outputDownload: "Download the output",
  picture: "The job's picture so far",
  pictureTruncated: "Only the first part of the picture is shown.",
  records: {
    rows: (n: number) => (n === 1 ? "1 row" : `${count(n)} rows`),
    lastRows: (shown: number, n: number) => `The last ${count(shown)} of ${count(n)} rows`,
    entries: (n: number) => (n === 1 ? "1 entry" : `${count(n)} entries`),
    states: { done: "", skipped: "Skipped", failed: "Failed" },
    plot: (points: number, groups: number) =>
      groups === 0 ? `${count(points)} points` : `${count(points)} points in ${count(groups)} groups`,
  },
  notFound: "Page not found",
  notFoundLead: "It was deleted, or it belongs to another user.",
  broken: "This page couldn't be loaded",
  announce: (title: string, status: string) => `${title}: ${status}`,
  announceStep: (step: string) => `Current step: ${step}`,
  connection: {
    lost: "Connection lost. The job is still running. Reconnecting…",
    offline: "You're offline. The job is still running. This page updates when you're back online.",
  },
};
