/** The texts of the verdict, which shows how an import ended. */
import { rows } from "../../ui/texts.js";

export const texts = {
  committed: (n: number) => `${rows(n)} imported`,
  unchanged: "Nothing new: all rows are already there",
  unchangedButBad: "Nothing new: all other rows are already there",
  dryRun: "Test finished: nothing was saved",
  dryRunLead: (n: number) => `A real import would add or update ${rows(n)}.`,
  skipped: (n: number) =>
    n === 1
      ? "1 row was skipped. Download it, fix the colored cells, and upload that file."
      : `${rows(n)} were skipped. Download them, fix the colored cells, and upload that file.`,
  clean: "No errors found.",
  rowsRejected: "Nothing was imported",
  declined: "You chose not to import",
  cancelled: "Import cancelled",
  failed: "Import failed",
  nothingChanged: "Nothing was changed.",
};
