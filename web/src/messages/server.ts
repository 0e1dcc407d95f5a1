/**
 * The messages about what the server reports. Issues, root causes, and notices have parameters. Errors and the progress of imports are
 * the server's own in English, and in other languages they are made from the reason and the counts, by the messages of server.de.json.
 */
import {
  HeadwayError,
  type Issue,
  type JobSnapshot,
  type Notice,
  type RootCause,
  type SampleValue,
  type Text,
} from "@headway/client";
import { IntlMessageFormat } from "intl-messageformat";
import { catalog } from "./catalogs.js";
import { isKey, t } from "./index.js";
import { language, locale } from "./language.js";
import { write, writeLocation } from "./text.js";

/** Returns the message of a key, or undefined if the language has none. */
function say(key: string, parameters: Record<string, string | number> = {}): string | undefined {
  const { server } = catalog(language());
  const message = Object.hasOwn(server, key) ? server[key] : undefined;
  if (message === undefined || typeof message === "string") return message;
  return new IntlMessageFormat(message, locale()).format(parameters) as string;
}

/** Returns the message of an issue. One that an earlier version of the server has stored is in English. */
export const issueText = ({ text, message }: Issue): string => write(text) ?? message;

/** Returns the cell of an issue. */
export const cellText = ({ location, cell }: Issue): string => (location ? writeLocation(location) : cell);

/** Returns the message about a cell of a preview that has no value. */
export const sampleText = ({ text, problem }: SampleValue): string => write(text) ?? problem;

/** Returns the message of a root cause. */
export const causeText = ({ text, message }: RootCause): string => write(text) ?? message;

/** Returns the message of a notice. */
export const noticeText = ({ text, message }: Notice): string => write(text) ?? message;

/** Returns the message of an error's reason. `message` is the server's. */
export function reasonText(reason: string | undefined, message: string): string {
  return say(`error.${reason}`) ?? message;
}

/** Returns the message that an error has as a detail, with its ID and parameters. */
const saidBy = ({ details }: HeadwayError) =>
  (details as ({ "@type"?: string } & Text)[]).find((detail) => detail["@type"]?.endsWith(".Text"));

/** Returns the message of any error. */
export function errorText(error: unknown): string {
  if (!(error instanceof HeadwayError)) return t("ui.error.unknown");
  const own = `ui.error.${error.reason}`;
  if (isKey(own) && (error.status === 0 || language() !== "en")) return t(own);
  const message = error.status > 0 && error.message !== `HTTP ${error.status}` ? error.message : "";
  if (language() === "en" && message) return message;
  return write(saidBy(error)) ?? say(`error.${error.reason}`) ?? t(isKey(own) ? own : "ui.error.unknown");
}

/** Returns the snapshot of an import with its steps and its message in the language of the page. Other jobs stay as they are. */
export function inLanguage<J extends JobSnapshot>(job: J): J {
  if (job.kind !== "import" || language() === "en") return job;
  const steps = job.steps?.map((step) => ({ ...step, title: say(`progress.${step.name}`) ?? step.title }));
  return {
    ...job,
    steps,
    message: progressText(job),
    failedReason: job.failedReason && (write(job.result?.text as Text) ?? reasonText(job.reason, job.failedReason)),
  };
}

/** Describes how far an import is. */
function progressText({ status, steps, step, result }: JobSnapshot): string | undefined {
  if (status === "completed") return endText(result ?? {});
  if (status === "waiting") return say("progress.waiting");
  if (status !== "active") return undefined;
  const current = steps?.find(({ name }) => name === step);
  if (!current || current.name === "receive") return say("progress.opening");
  if (current.name === "finish") {
    if (current.total === 0) return say("progress.saving");
    return say("progress.writing", { done: current.done, total: current.total });
  }
  const sheet = current.title || current.name;
  if (current.total === 0) return sheet;
  return say("progress.sheet", { sheet, done: current.done, total: current.total });
}

/** Describes the result of an import. */
function endText(result: Record<string, unknown>): string | undefined {
  if (result.dryRun) return say("progress.tested");
  const totals = (result.totals ?? {}) as Record<string, number>;
  return say("progress.imported", { rows: (totals.inserted ?? 0) + (totals.updated ?? 0) + (totals.unchanged ?? 0) });
}
