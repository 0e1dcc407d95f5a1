/**
 * The texts of the server's messages, which have an ID and parameters, from the catalogs that the server has too
 * (internal/messages). Go writes the same texts for reports and the API, and a test compares them.
 */
import type { Location, Parameter, Text } from "@headway/client";
import { type Formatters, IntlMessageFormat } from "intl-messageformat";
import { catalog, type Message } from "./catalogs.js";
import { language, locale } from "./language.js";

/** The catalog and the languages by which a message is written. */
export interface Writer {
  messages: Record<string, Message>;
  language: string;
  /** The tag for numbers and dates. */
  locale: string;
}

/** Creates a formatter once for all messages: it takes much longer than a use of it, and a list has the messages of many errors. */
function once<A extends unknown[], F>(Format: new (...args: A) => F): (...args: A) => F {
  const created = new Map<string, F>();
  return (...args) => {
    const key = JSON.stringify(args);
    const formatter = created.get(key) ?? new Format(...args);
    created.set(key, formatter);
    return formatter;
  };
}

const formatters = {
  getNumberFormat: once(Intl.NumberFormat),
  getDateTimeFormat: once(Intl.DateTimeFormat),
  getPluralRules: once(Intl.PluralRules),
  getListFormat: once(Intl.ListFormat),
} as Formatters & { getListFormat(language: string, options: Intl.ListFormatOptions): Intl.ListFormat };

const current = (): Writer => ({ messages: catalog(language()).issues, language: language(), locale: locale() });

/** Returns the text of a message, or undefined if the catalog doesn't have it: the server is newer, or the issue is old. */
export function write(text: Text | undefined, writer = current()): string | undefined {
  try {
    return written(text, writer);
  } catch {
    return undefined; // a parameter is missing: the message of the other release has other ones
  }
}

function written(text: Text | undefined, writer: Writer): string | undefined {
  if (!text || !Object.hasOwn(writer.messages, text.messageId)) return undefined;
  const message = writer.messages[text.messageId] as Message;
  if (typeof message === "string") return message;
  const values = Object.entries(text.parameters).map(([name, value]) => [
    name,
    value.count ?? parameter(value, writer),
  ]);
  return new IntlMessageFormat(message, writer.locale, undefined, { formatters }).format(
    Object.fromEntries(values),
  ) as string;
}

const named = (messageId: string, parameters: Text["parameters"], writer: Writer) =>
  write({ messageId, parameters }, writer) ?? "";

function parameter(value: Parameter, writer: Writer): string {
  const { text, count, number, date, location, quotation, nested, list } = value;
  if (count !== undefined) return formatters.getNumberFormat(writer.locale).format(count);
  if (number !== undefined) return plainNumber(number, writer);
  if (date !== undefined) return moment(date, writer);
  if (location) return at(location, writer);
  if (quotation) {
    const remarks = quotation.remarks.map((nested) => ({ nested }));
    if (remarks.length === 0) return named("quote", { text: { text: quotation.text } }, writer);
    return named(
      "quote.remarks",
      { text: { text: quotation.text }, remarks: { list: { kind: "comma", values: remarks } } },
      writer,
    );
  }
  if (nested) return write(nested, writer) ?? "";
  if (list) {
    const items = list.values.map((each) => parameter(each, writer));
    if (list.kind === "comma") return items.join(", ");
    if (list.kind === "spaced") return items.join(" ");
    const type = list.kind === "or" ? "disjunction" : "conjunction";
    return formatters.getListFormat(writer.language, { type }).format(items);
  }
  return text ?? "";
}

/** Writes a number of the data, whose digits all count, with the sign before the decimals of the language. */
function plainNumber(number: string, { locale }: Writer): string {
  const sign =
    formatters
      .getNumberFormat(locale)
      .formatToParts(1.5)
      .find(({ type }) => type === "decimal")?.value ?? ".";
  return number.replace(".", sign);
}

/** Writes a date. In English, it stays as it is: readers disagree about whether the day or the month comes first. */
function moment(iso: string, { language }: Writer): string {
  const [, year, month, day, time] = /^(\d{4})-(\d\d)-(\d\d)(?:.(.+))?$/.exec(iso) ?? [];
  if (language === "en" || !year) return iso;
  const at = new Date(0);
  at.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  const parts = formatters
    .getDateTimeFormat(language, { day: "2-digit", month: "2-digit", year: "numeric", timeZone: "UTC" })
    .formatToParts(at);
  const date = parts.map((part) => (part.type === "year" ? year : part.value)).join("");
  return time ? `${date} ${time}` : date;
}

/** Returns a cell as in Excel, or the line of a text file. */
function at({ sheet, file, row, column, line }: Location, writer: Writer): string {
  if (!line) return `${sheet}!${column ? letters(column) + row : `${row}:${row}`}`;
  const id = `location.${file ? "file_" : ""}line${column ? "_column" : ""}`;
  return named(id, { file: { text: file }, line: { count: row }, column: { count: column } }, writer);
}

const letters = (column: number): string =>
  (column > 26 ? letters(Math.floor((column - 1) / 26)) : "") + String.fromCharCode(65 + ((column - 1) % 26));

/** Returns a number of the data in the language of the page. */
export const writeNumber = (number: string): string => plainNumber(number, current());

/** Returns a cell in the language of the page. */
export const writeLocation = (location: Location): string => at(location, current());
