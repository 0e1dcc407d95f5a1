/**
 * The texts that every page shares, in English, and how numbers are written. Each folder has its own texts next to its
 * components. For another language, replace them with the same shapes.
 */
import { defaultLabels, type Labels } from "@headway/client/react";

/** The BCP 47 tag for numbers and times; the browser's own if undefined. */
export const locale: string | undefined = "en";

export const count = (n: number) => n.toLocaleString(locale);
export const rows = (n: number) => `${count(n)} ${n === 1 ? "row" : "rows"}`;
export const list = (items: string[]) => new Intl.ListFormat(locale, { type: "conjunction" }).format(items);

export const labels: Labels = { ...defaultLabels, locale };

export const texts = {
  name: "Headway",
  details: "Details",
  errorCode: "Error code",
  requestId: "Request ID",

  /** Messages by reason, for errors that have none from the server. */
  errors: {
    NETWORK: "The server didn't respond. Check your connection, and then try again.",
    HTTP: "The response didn't come from this server. A proxy might be in front of it. Try again later.",
    TOKEN_EXPIRED: "Your session has ended. Sign in again.",
    unknown: "Something went wrong. Try again.",
  } as Record<string, string>,

  time: {
    now: "just now",
    seconds: (n: number) => `${count(n)} s`,
    minutes: (m: number, s: number) => (s ? `${count(m)} min ${s} s` : `${count(m)} min`),
    hours: (h: number, m: number) => (m ? `${count(h)} h ${m} min` : `${count(h)} h`),
  },
};
