/** The texts of the question about sheets and columns. */
import { count, list } from "../../ui/texts.js";

const columns = (n: number) => `${count(n)} ${n === 1 ? "column" : "columns"}`;

export const texts = {
  heading: "Check your columns",
  lead: (file: string, schema: string) =>
    `Choose which columns of “${file}” to import as ${schema}. Fields with * are required.`,
  refused: "This choice can't be imported",
  noPreview: "Your file can't be shown",
  remembered: (when: string) => `These columns are those that you chose for a file with the same headers (${when}).`,
  loading: "Reading your file…",

  sheet: (title: string) => `Sheet of your file for ${title}`,
  noSheet: "Not in this file",
  found: (n: number, all: number) => `${count(n)} of ${columns(all)}`,
  toCheck: (n: number) => `${count(n)} to check`,
  toChoose: (n: number) => `${count(n)} missing`,

  saved: "Saved columns",
  savedHint: "Use columns again that you or others have saved, or save these for the next file.",
  use: "Use saved columns",
  pick: "Choose one",
  ownedBy: (name: string, owner: string) => `${name} (${owner})`,
  nameToSave: "Name",
  share: "Share with everyone who can import this",
  save: "Save these columns",
  savedAs: (name: string) => `Saved as “${name}”.`,
  notSaved: "The columns can't be saved",
  notListed: "The saved columns can't be shown",

  field: "Field",
  source: "Column of your file",
  values: "Examples",
  choose: (title: string) => `Column of your file for ${title}`,
  none: "Don't import",
  noneRequired: "Choose a column",
  everyRow: "Same value in every row…",
  valueOf: (title: string) => `Value for ${title} in every row`,
  missing: "Missing",
  check: "Please check",
  empty: "(empty)",

  unused: "Not imported",
  unusedHint: "Drag a column to a field, or choose it there.",

  missingLead: (fields: string[]) => `Choose a column for ${list(fields)}.`,
  missingSheet: (title: string) => `Choose the sheet of your file for ${title}.`,
  noSheets: "Choose a sheet of your file.",
  confirm: "Import with these columns",
  cancel: "Cancel upload",
};
