import type { FilePreview, Schema, SheetMapping } from "../src/index.js";

const column = (name: string, required: boolean) => ({ name, title: name, required });
/** A schema with two sheets, of which the second one is optional. */
export const schema = {
  name: "people",
  title: "People",
  sheets: [
    { name: "staff", title: "Staff", columns: [column("number", true), column("city", false)] },
    { name: "teams", title: "Teams", optional: true, columns: [column("code", true)] },
  ],
} as Schema;

/** A preview of a workbook with two sheets, of which the first is proposed for staff. */
export function previewOf(
  mapping: SheetMapping[] = [{ sheet: "staff", workbookSheet: "Leute", columns: { number: "Nr" } }],
) {
  const values = ["1", "2"];
  const headers = (...names: string[]) => names.map((header, index) => ({ column: index + 1, header, values }));
  return {
    fileName: "a.xlsx",
    sheets: [
      { name: "Leute", hidden: false, headerRow: 1, columns: headers("Nr", "Ort", "Notiz") },
      { name: "Gruppen", hidden: false, headerRow: 1, columns: headers("Code") },
    ],
    mapping,
    proposals: mapping.map(({ sheet, workbookSheet, columns = {} }) => ({
      sheet,
      workbookSheet: workbookSheet ?? "Leute",
      columns: Object.entries(columns).map(([name, header]) => ({
        column: name,
        header,
        score: 0.6,
        reason: "values",
        sure: false,
      })),
    })),
  } as unknown as FilePreview;
}
