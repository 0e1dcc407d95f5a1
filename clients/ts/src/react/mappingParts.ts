/** Parts of cells and joined texts in a mapping, as the server makes them. */
import type { ColumnSplit } from "../index.js";

/** A part of the texts below a header. */
export interface ColumnPart {
  /** The header, or "" until the user has chosen it. */
  header: string;
  separator: string;
  /** The number of the part, from 0, and how many there are. The last one has the rest of the text. */
  index: number;
  of: number;
  /** Splits at the last separators. Then the first part has the rest of the text. */
  fromEnd?: boolean;
}

/** Returns the parts of splits by the names of their columns. */
export function partsOf(splits: readonly ColumnSplit[]): Record<string, ColumnPart> {
  const parts: Record<string, ColumnPart> = {};
  for (const { header, separator, columns, fromEnd } of splits) {
    for (const [index, name] of columns.entries()) {
      if (name) parts[name] = { header, separator, index, of: columns.length, ...(fromEnd && { fromEnd }) };
    }
  }
  return parts;
}

/** Returns the splits that have the parts. Parts of the same header share one, if they can. */
export function splitsOf(parts: readonly (readonly [name: string, part: ColumnPart])[]): ColumnSplit[] {
  const splits: ColumnSplit[] = [];
  for (const [name, { header, separator, index, of, fromEnd }] of parts) {
    const same = splits.find(
      (split) =>
        split.header === header &&
        split.separator === separator &&
        split.columns.length === of &&
        Boolean(split.fromEnd) === Boolean(fromEnd) &&
        !split.columns[index],
    );
    const columns = same?.columns ?? Array.from({ length: of }, () => "");
    columns[index] = name;
    if (!same) splits.push({ header, separator, columns, ...(fromEnd && { fromEnd }) });
  }
  return splits;
}

/** Returns a part of a text. */
export function partText(text: string, { separator, index, of, fromEnd }: ColumnPart): string {
  let rest = text.trim();
  if (!separator) return "";
  const at = fromEnd ? of - 1 - index : index;
  for (let n = 0; ; n++) {
    if (n === at && at === of - 1) return rest;
    const [part, after] = cut(rest, separator, fromEnd);
    if (n === at) return part;
    if (after === undefined) return "";
    rest = after;
  }
}

/** Cuts a text at its first or last separator. Blanks stand for any number of them. */
function cut(text: string, separator: string, fromEnd?: boolean): [part: string, rest: string | undefined] {
  const found = separator.trim()
    ? { at: fromEnd ? text.lastIndexOf(separator) : text.indexOf(separator), length: separator.length }
    : blanks(text, fromEnd);
  if (found.at < 0) return [text, undefined];
  const before = text.slice(0, found.at).trim();
  const after = text.slice(found.at + found.length).trim();
  return fromEnd ? [after, before] : [before, after];
}

function blanks(text: string, fromEnd?: boolean): { at: number; length: number } {
  const runs = [...text.matchAll(/\s+/g)];
  const run = fromEnd ? runs.at(-1) : runs[0];
  return { at: run?.index ?? -1, length: run?.[0].length ?? 0 };
}

/** Joins the texts of cells that are not empty. */
export const joinText = (texts: readonly string[], separator: string): string =>
  texts
    .map((text) => text.trim())
    .filter((text) => text)
    .join(separator);
