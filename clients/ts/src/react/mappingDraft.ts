/** A mapping that the user is editing: pure functions from one draft to the next. */
import type {
  ColumnProposal,
  FilePreview,
  PreviewColumn,
  Schema,
  SchemaColumn,
  SchemaSheet,
  SheetMapping,
  ValueRules,
} from "../index.js";

/** What the user has chosen, by the schema's names of sheets. Sheets that are not in the file have no entry. */
export type MappingChoices = Readonly<Record<string, SheetChoice>>;

interface SheetChoice {
  workbookSheet: string;
  /** Headers of the file by the schema's names of columns. */
  headers: Readonly<Record<string, string>>;
  /** Values that all rows have, by the schema's names of columns. Such a column has no header. */
  constants?: Readonly<Record<string, string>>;
  /** Value rules by the schema's names of columns. */
  rules?: Readonly<Record<string, ValueRules>>;
}

/** A sheet of the schema, and what it gets from the file. */
export interface MappedSheet {
  sheet: SchemaSheet;
  /** The name of the sheet in the file, or undefined. */
  workbookSheet: string | undefined;
  /** Whether the file must have the sheet, and has none for it. */
  missing: boolean;
  columns: MappedColumn[];
  /** The columns of the file's sheet, in their order. */
  available: readonly PreviewColumn[];
  /** Those of them that are not imported. */
  unused: PreviewColumn[];
}

/** A column of the schema, and the column of the file for it. */
export interface MappedColumn {
  column: SchemaColumn;
  /** The column of the file, or undefined. */
  source: PreviewColumn | undefined;
  /** The server's proposal, if the source is as proposed. */
  proposal: ColumnProposal | undefined;
  /** The value that all rows have, which is empty until the user enters it. Undefined for all other columns. */
  constant: string | undefined;
  /** The value rules that the mapping has for the column, for example one of the proposal's readings. */
  rules: ValueRules | undefined;
  /** Whether a required column has no source and no value, or a constant is empty. */
  missing: boolean;
}

/** Returns the choices that a preview proposes. */
export function proposedChoices({ proposals, mapping, sheets }: FilePreview): MappingChoices {
  const choices: Record<string, SheetChoice> = {};
  for (const { sheet, columns, constants, rules } of mapping) {
    // The mapping of a text file has no names of sheets, because the next file has another name.
    const workbookSheet = proposals.find((proposal) => proposal.sheet === sheet)?.workbookSheet ?? sheets[0]?.name;
    if (workbookSheet !== undefined) {
      choices[sheet] = {
        workbookSheet,
        headers: columns ?? {},
        ...(constants && { constants }),
        ...(rules && { rules }),
      };
    }
  }
  return choices;
}

/** Assigns a sheet of the file to one of the schema, or none. A sheet of the file is for one sheet of the schema only. */
export function chooseSheet(
  choices: MappingChoices,
  sheet: string,
  workbookSheet: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): MappingChoices {
  const others = Object.entries(choices).filter(
    ([name, choice]) => name !== sheet && choice.workbookSheet !== workbookSheet,
  );
  const next = Object.fromEntries(others);
  return workbookSheet === undefined ? next : { ...next, [sheet]: { workbookSheet, headers } };
}

/** Assigns a header to a column, or none. A header is for one column only. */
export function chooseHeader(
  choices: MappingChoices,
  sheet: string,
  column: string,
  header: string | undefined,
): MappingChoices {
  const choice = choices[sheet];
  if (!choice) return choices;
  const others = Object.entries(choice.headers).filter(([name, used]) => name !== column && used !== header);
  const headers = Object.fromEntries(others);
  return {
    ...choices,
    [sheet]: {
      ...choice,
      headers: header === undefined ? headers : { ...headers, [column]: header },
      ...(choice.constants && { constants: without(choice.constants, column) }),
      ...(choice.rules && { rules: without(choice.rules, column) }),
    },
  };
}

/** Gives all rows the same value in a column, which then has no header. */
export function chooseConstant(choices: MappingChoices, sheet: string, column: string, value: string): MappingChoices {
  const choice = choices[sheet];
  if (!choice) return choices;
  const constants = { ...choice.constants, [column]: value };
  return { ...choices, [sheet]: { ...choice, headers: without(choice.headers, column), constants } };
}

/** Gives a column value rules, or none. */
export function chooseRules(
  choices: MappingChoices,
  sheet: string,
  column: string,
  rules: ValueRules | undefined,
): MappingChoices {
  const choice = choices[sheet];
  if (!choice) return choices;
  const others = without(choice.rules ?? {}, column);
  return { ...choices, [sheet]: { ...choice, rules: rules ? { ...others, [column]: rules } : others } };
}

const without = <T>(values: Readonly<Record<string, T>>, key: string): Record<string, T> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => name !== key));

/** Adds headers that the server proposes for a sheet, if it is still assigned. Those that the user has chosen are kept. */
export function proposeHeaders(
  choices: MappingChoices,
  sheet: string,
  workbookSheet: string,
  headers: Readonly<Record<string, string>> | undefined,
): MappingChoices {
  const choice = choices[sheet];
  if (choice?.workbookSheet !== workbookSheet) return choices;
  const chosen = Object.entries(choice.headers).reduce(
    (next, [column, header]) => chooseHeader(next, sheet, column, header),
    chooseSheet(choices, sheet, workbookSheet, headers),
  );
  const filled = Object.entries(choice.constants ?? {}).reduce(
    (next, [column, value]) => chooseConstant(next, sheet, column, value),
    chosen,
  );
  return Object.entries(choice.rules ?? {}).reduce(
    (next, [column, rules]) => chooseRules(next, sheet, column, rules),
    filled,
  );
}

/** Returns the sheets of the schema with what they get from the file. */
export function mappedSheets(schema: Schema, preview: FilePreview, choices: MappingChoices): MappedSheet[] {
  return schema.sheets.map((sheet) => {
    const choice = choices[sheet.name];
    const available = preview.sheets.find(({ name }) => name === choice?.workbookSheet)?.columns ?? [];
    const proposals =
      preview.proposals.find(
        (proposal) => proposal.sheet === sheet.name && proposal.workbookSheet === choice?.workbookSheet,
      )?.columns ?? [];
    const columns = sheet.columns.map((column) => {
      const header = choice?.headers[column.name];
      const source = available.find((candidate) => candidate.header === header);
      const proposal = proposals.find((made) => made.column === column.name && made.header === header);
      const constant = choice?.constants?.[column.name];
      const rules = choice?.rules?.[column.name];
      const missing = constant === "" || (choice !== undefined && column.required && !source && !constant);
      return { column, source, proposal, constant, rules, missing };
    });
    const used = new Set(columns.map(({ source }) => source?.header));
    const unused = available.filter(({ header }) => !used.has(header));
    const missing = !choice && !sheet.optional && !preview.textFormat;
    return { sheet, workbookSheet: choice?.workbookSheet, missing, columns, available, unused };
  });
}

/** Returns the mapping for the server. Columns without a source are left out, even if a header has their name. */
export function toMapping(schema: Schema, preview: FilePreview, choices: MappingChoices): SheetMapping[] {
  return mappedSheets(schema, preview, choices).flatMap(({ sheet, workbookSheet, columns }) => {
    if (workbookSheet === undefined) return [];
    const constants = columns.flatMap(({ column, constant }) => (constant ? [[column.name, constant]] : []));
    const rules = columns.flatMap(({ column, rules }) => (rules ? [[column.name, rules]] : []));
    return {
      sheet: sheet.name,
      ...(!preview.textFormat && { workbookSheet }),
      columns: Object.fromEntries(
        columns.filter(({ constant }) => !constant).map(({ column, source }) => [column.name, source?.header ?? ""]),
      ),
      ...(constants.length > 0 && { constants: Object.fromEntries(constants) }),
      ...(rules.length > 0 && { rules: Object.fromEntries(rules) }),
    };
  });
}
