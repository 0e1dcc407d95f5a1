/** The texts of the review, which asks whether to import the other rows. */
import { count, rows } from "../../ui/texts.js";

export const texts = {
  heading: (valid: number) =>
    valid > 0 ? `Import the other ${rows(valid)}?` : "No row can be imported. Fix your file and upload it again.",
  lead: (bad: number) => `${rows(bad)} can't be imported. Nothing has been saved yet.`,
  table: "Result by sheet",
  sheet: "Sheet",
  all: "All sheets",
  commit: (n: number) => `Import ${rows(n)}`,
  commitHint: (bad: number) =>
    bad === 1
      ? "1 row is skipped. You can download and fix it."
      : `${count(bad)} rows are skipped. You can download and fix them.`,
  decline: "Don't import anything",
  declineHint: "Nothing is saved. Fix your file and upload it again.",
};
