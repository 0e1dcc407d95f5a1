/** A mapping that the user is editing: pure functions from one draft to the next. */
import type {
  ColumnJoin,
  ColumnProposal,
  FilePreview,
  PreviewColumn,
  Schema,
  SchemaColumn,
  SchemaSheet,
  SheetMapping,
  ValueRules,
} from "../index.js";
import { type ColumnPart, joinText, partsOf, partText, splitsOf } from "./mappingParts.js";

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
  /** Whether equal rows are imported once. */
  distinct?: boolean;
  /** Columns that have a part of a cell, by the schema's names of columns. Such a column has no header. */
  parts?: Readonly<Record<string, ColumnPart>>;
  /** Columns that have the texts of several cells, by the schema's names of columns. Such a column has no header. */
  joins?: Readonly<Record<string, JoinedHeaders>>;
}

/** The headers whose texts are joined. Those that the user has not chosen yet are empty. */
export type JoinedHeaders = Pick<ColumnJoin, "headers" | "separator" | "negated">;

/** A sheet of the schema, and its source in the file. */
export interface MappedSheet {
  sheet: SchemaSheet;
  /** The name of the sheet in the file, or undefined. */
  workbookSheet: string | undefined;
  /** Whether the sheet is not in the file. Nothing is imported for it. */
  absent: boolean;
  /** Whether equal rows are imported once. */
  distinct: boolean;
  /** Whether the file's sheet is for another sheet of the schema too. */
  shared: boolean;
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
  /** The server's proposal, if the source is as proposed. Joined headers have that of the first one. */
  proposal: ColumnProposal | undefined;
  /** The value that all rows have, which is empty until the user enters it. Undefined for all other columns. */
  constant: string | undefined;
  /** The part of a cell that the column has. Its header is empty until the user chooses it. */
  part: ColumnPart | undefined;
  /** The headers whose texts the column has. */
  joined: JoinedHeaders | undefined;
  /** Some values of a part, or of joined texts. */
  derived: string[];
  /** The value rules that the mapping has for the column, for example one of the proposal's readings. */
  rules: ValueRules | undefined;
  /** Whether a required column has no source and no value, or a constant is empty. */
  missing: boolean;
  /** Whether its first values can be read in several ways, and no rules are chosen. */
  undecided: boolean;
}

/** Returns the choices that a preview proposes. */
export function proposedChoices({ proposals, mapping, sheets }: FilePreview): MappingChoices {
  const choices: Record<string, SheetChoice> = {};
  for (const { sheet, columns, constants, rules, distinct, splits, joins, absent } of mapping) {
    if (absent) continue;
    // The mapping of a text file has no names of sheets, because the next file has another name.
    const workbookSheet = proposals.find((proposal) => proposal.sheet === sheet)?.workbookSheet ?? sheets[0]?.name;
    if (workbookSheet !== undefined) {
      choices[sheet] = {
        workbookSheet,
        headers: columns ?? {},
        ...(constants && { constants }),
        ...(rules && { rules }),
        ...(distinct && { distinct }),
        ...(splits?.length && { parts: partsOf(splits) }),
        ...(joins?.length && { joins: Object.fromEntries(joins.map(({ column, ...joined }) => [column, joined])) }),
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

/** Assigns a sheet of the file to one of the schema, and leaves it to others too. Equal rows are imported once. */
export function shareSheet(choices: MappingChoices, sheet: string, workbookSheet: string): MappingChoices {
  return { ...choices, [sheet]: { workbookSheet, headers: {}, distinct: true } };
}

/** Imports equal rows of a sheet once, or each of them. */
export function chooseDistinct(choices: MappingChoices, sheet: string, distinct: boolean): MappingChoices {
  const choice = choices[sheet];
  if (!choice) return choices;
  const { distinct: _, ...rest } = choice;
  return { ...choices, [sheet]: distinct ? { ...rest, distinct } : rest };
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
      ...withoutOther(choice, column),
      headers: header === undefined ? headers : { ...headers, [column]: header },
      ...(choice.rules && { rules: without(choice.rules, column) }),
    },
  };
}

/** Returns a choice in which a column has no value, no part of a cell, and no joined texts. */
const withoutOther = (choice: SheetChoice, column: string): SheetChoice => ({
  ...choice,
  ...(choice.constants && { constants: without(choice.constants, column) }),
  ...(choice.parts && { parts: without(choice.parts, column) }),
  ...(choice.joins && { joins: without(choice.joins, column) }),
});

/** Gives all rows the same value in a column, which then has no header. */
export function chooseConstant(choices: MappingChoices, sheet: string, column: string, value: string): MappingChoices {
  const choice = choices[sheet];
  if (!choice) return choices;
  const rest = withoutOther(choice, column);
  const constants = { ...rest.constants, [column]: value };
  return { ...choices, [sheet]: { ...rest, headers: without(choice.headers, column), constants } };
}

/** Gives a column a part of a cell, instead of a header. */
export function choosePart(choices: MappingChoices, sheet: string, column: string, part: ColumnPart): MappingChoices {
  const choice = choices[sheet];
  if (!choice) return choices;
  const rest = withoutOther(choice, column);
  const parts = { ...rest.parts, [column]: part };
  return { ...choices, [sheet]: { ...rest, headers: without(choice.headers, column), parts } };
}

/** Gives a column the texts of several cells, instead of a header. */
export function chooseJoin(
  choices: MappingChoices,
  sheet: string,
  column: string,
  joined: JoinedHeaders,
): MappingChoices {
  const choice = choices[sheet];
  if (!choice) return choices;
  const rest = withoutOther(choice, column);
  const joins = { ...rest.joins, [column]: joined };
  return { ...choices, [sheet]: { ...rest, headers: without(choice.headers, column), joins } };
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
  const { constants, rules, parts, joins, ...rest } = choice;
  let next: MappingChoices = { ...choices, [sheet]: { ...rest, headers: headers ?? {} } };
  for (const [column, header] of Object.entries(choice.headers)) next = chooseHeader(next, sheet, column, header);
  for (const [column, value] of Object.entries(constants ?? {})) next = chooseConstant(next, sheet, column, value);
  for (const [column, part] of Object.entries(parts ?? {})) next = choosePart(next, sheet, column, part);
  for (const [column, joined] of Object.entries(joins ?? {})) next = chooseJoin(next, sheet, column, joined);
  for (const [column, each] of Object.entries(rules ?? {})) next = chooseRules(next, sheet, column, each);
  return next;
}

/** Returns the headers of the file that a choice uses. */
function usedHeaders({ headers, parts, joins }: SheetChoice): string[] {
  return [
    ...Object.values(headers),
    ...Object.values(parts ?? {}).map(({ header }) => header),
    ...Object.values(joins ?? {}).flatMap((joined) => joined.headers),
  ];
}

/** Returns the sheets of the schema with their sources in the file. */
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
      const constant = choice?.constants?.[column.name];
      const rules = choice?.rules?.[column.name];
      const part = choice?.parts?.[column.name];
      const joined = choice?.joins?.[column.name];
      // Joined amounts and signs have the proposal of the amounts.
      const proposed = joined ? joined.headers[0] : header;
      const proposal = proposals.find((made) => made.column === column.name && made.header === proposed);
      const derived = derivedValues(available, part, joined);
      const missing =
        constant === "" ||
        (part !== undefined && !(part.header && part.separator)) ||
        (joined !== undefined && joined.headers.filter((each) => each).length < 2) ||
        (choice !== undefined && column.required && !source && !constant && !part && !joined);
      const undecided = (source ?? joined) !== undefined && (proposal?.readings ?? []).length > 1 && !rules;
      return { column, source, proposal, constant, rules, part, joined, derived, missing, undecided };
    });
    const sharing = Object.values(choices).filter((other) => choice && other.workbookSheet === choice.workbookSheet);
    const used = new Set(sharing.flatMap(usedHeaders));
    const unused = available.filter(({ header }) => !used.has(header));
    const { workbookSheet, distinct = false } = choice ?? {};
    return { sheet, workbookSheet, absent: !choice, distinct, shared: sharing.length > 1, columns, available, unused };
  });
}

/** Returns some values of a part, or of joined texts. */
function derivedValues(
  available: readonly PreviewColumn[],
  part: ColumnPart | undefined,
  joined: JoinedHeaders | undefined,
): string[] {
  const valuesOf = (wanted: string) => available.find(({ header }) => header === wanted)?.values ?? [];
  if (part) return valuesOf(part.header).map((text) => partText(text, part));
  if (!joined) return [];
  const { negated = [] } = joined;
  if (negated.length > 0) {
    return joined.headers.flatMap((each) =>
      valuesOf(each)
        .slice(0, 1)
        .map((value) => (negated.includes(each) ? `-${value}` : value)),
    );
  }
  const columns = joined.headers.filter((header) => header).map(valuesOf);
  // The values of a column are different ones, so only the first ones can be of the same row.
  if (columns.length < 2 || columns.every(({ length }) => length === 0)) return [];
  return [
    joinText(
      columns.map(([first = ""]) => first),
      joined.separator ?? "",
    ),
  ];
}

/** Reports whether the server would look for a sheet that the user has not assigned: a workbook must have it, or one is like it. */
const mustLeaveOut = (sheet: SchemaSheet, { textFormat, textFormats, proposals }: FilePreview) =>
  (!sheet.optional && !textFormat && Object.keys(textFormats ?? {}).length === 0) ||
  proposals.some((proposal) => proposal.sheet === sheet.name);

/**
 * Returns the mapping for the server. Sheets and columns without a source are left out, even if a sheet or a header of the file has their
 * name.
 */
export function toMapping(schema: Schema, preview: FilePreview, choices: MappingChoices): SheetMapping[] {
  const sheets = mappedSheets(schema, preview, choices);
  return sheets.flatMap(({ sheet, workbookSheet, distinct, columns }): SheetMapping[] | SheetMapping => {
    if (workbookSheet === undefined) return mustLeaveOut(sheet, preview) ? { sheet: sheet.name, absent: true } : [];
    const constants = columns.flatMap(({ column, constant }) => (constant ? [[column.name, constant]] : []));
    const rules = columns.flatMap(({ column, rules }) => (rules ? [[column.name, rules]] : []));
    const splits = splitsOf(columns.flatMap(({ column, part }) => (part ? [[column.name, part] as const] : [])));
    const joins = columns.flatMap(({ column, joined }) =>
      joined
        ? [
            {
              ...joined,
              column: column.name,
              headers: joined.headers.filter((header) => header),
              ...(joined.negated && { negated: joined.negated.filter((header) => joined.headers.includes(header)) }),
            },
          ]
        : [],
    );
    // A text file has no names of sheets, because the next file has another name. Among several sheets of the schema, those that are not
    // distinct need it, and so does a table below another one.
    const below = preview.sheets.some(({ name, tableOf }) => name === workbookSheet && tableOf);
    const rivals = sheets.filter((other) => other.workbookSheet === workbookSheet && !other.distinct);
    return {
      sheet: sheet.name,
      ...((!preview.textFormat || below || (rivals.length > 1 && !distinct)) && { workbookSheet }),
      columns: Object.fromEntries(
        columns
          .filter(({ constant, part, joined }) => !constant && !part && !joined)
          .map(({ column, source }) => [column.name, source?.header ?? ""]),
      ),
      ...(constants.length > 0 && { constants: Object.fromEntries(constants) }),
      ...(rules.length > 0 && { rules: Object.fromEntries(rules) }),
      ...(distinct && { distinct }),
      ...(splits.length > 0 && { splits }),
      ...(joins.length > 0 && { joins }),
    };
  });
}
