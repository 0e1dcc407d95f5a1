/** The texts of an import's errors. */
import { count, rows } from "../../ui/texts.js";

export const texts = {
  heading: "Errors",
  count: (n: number) => `${count(n)} ${n === 1 ? "error" : "errors"}`,
  warnings: (n: number) => `${count(n)} ${n === 1 ? "warning" : "warnings"}`,
  causes: "Fix these first",
  causesLead: "Each of these blocks other rows. Start at the top.",
  moreCauses: (n: number) => `${count(n)} more`,
  waiting: (n: number) => `${rows(n)} waiting`,
  latest: "Latest errors",
  latestLead: "You can search the full list when the import has finished.",
  search: "Search errors",
  searchHint: "Cell, value, or text",
  sheet: "Sheet",
  code: "Error type",
  any: "All",
  list: "List of errors",
  kept: (kept: number, found: number) => `Showing the first ${count(kept)} of ${count(found)}.`,
};
