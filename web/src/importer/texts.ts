/** The texts that several parts of the importer share. */
export const texts = {
  totals: "Rows so far",
  totalsDone: "Rows",
  counts: {
    read: "read",
    inserted: "added",
    updated: "updated",
    unchanged: "already there",
    rejected: "with errors",
    blocked: "waiting for another row",
    skipped: "not checked",
  },
  countHints: {
    rejected: "Rows that have an error",
    blocked: "Rows that refer to a row with an error",
    skipped: "Rows that the import didn't reach",
  },
  sum: "Total:",
  imported: "Download imported rows (.xlsx)",
  report: "Download rows to fix (.xlsx)",
  csv: "Download error list (.csv)",
  warningsCsv: "Download warning list (.csv)",
};
