/**
 * The texts of the page: ICU messages in en.json and de.json, by the same keys. A component writes `t("jobs.heading")`. App
 * renders everything again when the language changes.
 */
import { IntlMessageFormat } from "intl-messageformat";
import { catalog } from "./catalogs.js";
import en from "./en.json";
import { language, locale } from "./language.js";
import type { Messages } from "./messages.gen.js";

export type Key = keyof Messages;

type Parameters<K extends Key> = Messages[K] extends undefined ? [] : [Messages[K]];

const formats = new Map<string, IntlMessageFormat>();

/** Returns a text in the language of the page. */
export function t<K extends Key>(key: K, ...[parameters]: Parameters<K>): string {
  const message = catalog(language()).page[key];
  if (typeof message === "string") return message;
  const name = `${locale()} ${key}`;
  let format = formats.get(name);
  if (!format) {
    format = new IntlMessageFormat(message, locale());
    formats.set(name, format);
  }
  return format.format(parameters) as string;
}

/** The keys of the messages without parameters. */
export type PlainKey = { [K in Key]: Messages[K] extends undefined ? K : never }[Key];

/** Reports whether a key that was put together, for example from an error's reason, has a message without parameters. */
export const isKey = (key: string): key is PlainKey => Object.hasOwn(en, key);

/** Joins texts: “a, b, and c”. */
export const list = (items: string[]): string => new Intl.ListFormat(locale(), { type: "conjunction" }).format(items);
