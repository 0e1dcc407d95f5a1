import type { ImportDetail } from "@headway/client";
import { texts } from "./texts.js";

/** The maximum number of sheets or columns that a line names. */
const named = 8;

/** The notices about a file: parts that were left out, hidden, or not imported. */
export function Notices({ detail }: { detail: ImportDetail }) {
  const lines = [
    ...detail.notices.map((notice) => notice.message),
    ...unusedSheets(detail),
    ...detail.sheets.flatMap((sheet) => {
      const names = short(sheet.unusedColumns.map((column) => texts.quoted(column.header)));
      return names.length > 0 ? [texts.columns(sheet.workbookSheet, names)] : [];
    }),
  ];
  if (lines.length === 0) return null;
  return (
    <section className="card notices" aria-labelledby="notices-heading">
      <h2 id="notices-heading">{texts.heading}</h2>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </section>
  );
}

function unusedSheets({ unusedSheets }: ImportDetail): string[] {
  const names = unusedSheets.map((sheet) => (sheet.hidden ? texts.hidden(sheet.name) : texts.quoted(sheet.name)));
  return names.length > 0 ? [texts.sheets(short(names))] : [];
}

function short(names: string[]): string[] {
  return names.length > named ? [...names.slice(0, named), texts.more(names.length - named)] : names;
}
