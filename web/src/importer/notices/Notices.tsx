import type { ImportDetail } from "@headway/client";
import { list, t } from "../../messages/index.js";
import { noticeText } from "../../messages/server.js";

/** The maximum number of sheets or columns that a line names. */
const named = 8;

/** The notices about a file: parts that were left out, hidden, or not imported. */
export function Notices({ detail }: { detail: ImportDetail }) {
  const lines = [
    ...detail.notices.map(noticeText),
    ...unusedSheets(detail),
    ...detail.sheets.flatMap((sheet) => {
      const names = short(sheet.unusedColumns.map((column) => t("notices.quoted", { name: column.header })));
      return names.length > 0
        ? [t("notices.columns", { sheet: sheet.workbookSheet, n: names.length, names: list(names) })]
        : [];
    }),
  ];
  if (lines.length === 0) return null;
  return (
    <section className="card notices" aria-labelledby="notices-heading">
      <h2 id="notices-heading">{t("notices.heading")}</h2>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </section>
  );
}

function unusedSheets({ unusedSheets }: ImportDetail): string[] {
  const names = unusedSheets.map((sheet) =>
    sheet.hidden ? t("notices.hidden", { name: sheet.name }) : t("notices.quoted", { name: sheet.name }),
  );
  return names.length > 0 ? [t("notices.sheets", { n: names.length, names: list(short(names)) })] : [];
}

function short(names: string[]): string[] {
  return names.length > named ? [...names.slice(0, named), t("notices.more", { n: names.length - named })] : names;
}
