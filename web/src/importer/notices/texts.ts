/** The texts of the notices about a file. */
import { list } from "../../ui/texts.js";

export const texts = {
  heading: "About this file",
  sheets: (names: string[]) => `Not imported: ${names.length === 1 ? "the sheet" : "the sheets"} ${list(names)}.`,
  columns: (sheet: string, names: string[]) =>
    `Not imported from the sheet “${sheet}”: ${names.length === 1 ? "the column" : "the columns"} ${list(names)}.`,
  quoted: (name: string) => `“${name}”`,
  hidden: (name: string) => `“${name}” (hidden)`,
  more: (n: number) => `${n} more`,
};
