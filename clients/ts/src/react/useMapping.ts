import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type {
  FileFormats,
  FilePreview,
  MappingAnswer,
  MappingQuestion,
  SampleValue,
  Schema,
  SheetMapping,
  TextFormat,
  ValueRules,
} from "../index.js";
import {
  chooseConstant,
  chooseDistinct,
  chooseHeader,
  chooseJoin,
  choosePart,
  chooseRules,
  chooseSheet,
  type JoinedHeaders,
  type MappedSheet,
  type MappingChoices,
  mappedSheets,
  proposedChoices,
  proposeHeaders,
  shareSheet,
  toMapping,
} from "./mappingDraft.js";
import type { ColumnPart } from "./mappingParts.js";
import { useLatest } from "./useLatest.js";

/** A mapping that the user is editing. */
export interface MappingEditor {
  /** The contents of the file, or undefined while it is loading. */
  preview: FilePreview | undefined;
  /** Why there is no preview. */
  error: unknown;
  /** The sheets of the schema, with their sources in the file. */
  sheets: MappedSheet[];
  /** Assigns a sheet of the file to one of the schema, or none, and asks the server for its columns. */
  chooseSheet: (sheet: string, workbookSheet: string | undefined) => void;
  /** Assigns a sheet of the file that is for others too. Equal rows are imported once. */
  shareSheet: (sheet: string, workbookSheet: string) => void;
  /** Imports equal rows of a sheet once, or each of them. */
  chooseDistinct: (sheet: string, distinct: boolean) => void;
  /** Replaces all choices with those of a mapping, for example a saved one. */
  use: (mapping: readonly SheetMapping[]) => void;
  /** Assigns a header of the file to a column of the schema, or none. */
  chooseHeader: (sheet: string, column: string, header: string | undefined) => void;
  /** Gives all rows the same value in a column of the schema, instead of a header. */
  chooseConstant: (sheet: string, column: string, value: string) => void;
  /** Gives a column of the schema a part of a cell, instead of a header. */
  choosePart: (sheet: string, column: string, part: ColumnPart) => void;
  /** Gives a column of the schema the texts of several cells, instead of a header. */
  chooseJoin: (sheet: string, column: string, joined: JoinedHeaders) => void;
  /** Gives a column of the schema value rules, for example those of a reading of its proposal, or none. */
  chooseRules: (sheet: string, column: string, rules: ValueRules | undefined) => void;
  /** Asks the server for some values of a column, as they would be imported with the current mapping. */
  samples: (sheet: string, column: string) => Promise<readonly SampleValue[]>;
  /** The formats that the user has set for text files. */
  formats: FileFormats;
  /**
   * Reads a text file in another way, and asks the server for its columns. `file` is the name of one of several files, or undefined if
   * there is only one. The choices for other files stay.
   */
  chooseFormat: (file: string | undefined, format: TextFormat) => void;
  /** The mapping. */
  mapping: SheetMapping[];
  /** The mapping and the formats, for `answer` of useUpload. */
  answer: MappingAnswer;
}

const noFormats: FileFormats = {};

/** Returns formats with those of one file. */
const withFormat = (formats: FileFormats, file: string | undefined, format: TextFormat): FileFormats =>
  file === undefined
    ? { ...formats, textFormat: format }
    : { ...formats, textFormats: { ...formats.textFormats, [file]: format } };

/** Returns formats if there are any. */
const isSet = (formats: FileFormats): FileFormats | undefined =>
  formats.textFormat || formats.textFormats ? formats : undefined;

/** Edits the answer to a question about columns. It starts with the server's proposals. */
export function useMapping(question: MappingQuestion, schema: Schema): MappingEditor {
  const [preview, setPreview] = useState<FilePreview>();
  const [choices, setChoices] = useState<MappingChoices>({});
  const [error, setError] = useState<unknown>();
  const [formats, setFormats] = useState<FileFormats>(question.formats ?? noFormats);
  const latest = useLatest({ question, formats });
  /** The number of requests for proposals, of the latest one for the whole file, and of the latest one for each sheet. */
  const requests = useRef({ all: 0, file: 0, sheets: {} as Record<string, number> });
  /** The choices with all edits, including those that are not rendered yet. */
  const draft = useRef<MappingChoices>({});
  const edit = useCallback((change: (before: MappingChoices) => MappingChoices) => {
    draft.current = change(draft.current);
    setChoices(draft.current);
  }, []);

  const start = useCallback(
    (mapping: readonly SheetMapping[] | undefined, formats: FileFormats = latest.current.formats) => {
      setError(undefined);
      const number = ++requests.current.all;
      requests.current.file = number;
      question.preview(mapping, isSet(formats)).then(
        (found) => {
          if (number !== requests.current.file) return;
          setPreview(found);
          edit(() => proposedChoices(found));
        },
        (cause: unknown) => {
          if (number === requests.current.file) setError(cause);
        },
      );
    },
    [question, latest, edit],
  );

  useEffect(() => {
    const formats = question.formats ?? noFormats;
    setFormats(formats);
    start(question.mapping, formats);
    return () => {
      requests.current.file = ++requests.current.all;
    };
  }, [question, start]);

  const assignSheet = useCallback(
    (sheet: string, workbookSheet: string | undefined, change: (before: MappingChoices) => MappingChoices) => {
      edit(change);
      setError(undefined);
      const number = ++requests.current.all;
      requests.current.sheets[sheet] = number;
      if (workbookSheet === undefined) return;
      const wanted = Object.entries(draft.current).map(([name, choice]) => ({
        sheet: name,
        workbookSheet: choice.workbookSheet,
        ...(choice.distinct && { distinct: true }),
      }));
      latest.current.question.preview(wanted, isSet(latest.current.formats)).then(
        (found) => {
          // A request for the whole file has replaced the choices meanwhile, or will.
          if (number < requests.current.file) return;
          const { headers } = proposedChoices(found)[sheet] ?? {};
          edit((before) => proposeHeaders(before, sheet, workbookSheet, headers));
          const { proposals } = found;
          if (number === requests.current.all) setPreview((before) => before && { ...before, proposals });
        },
        (cause: unknown) => {
          if (number > requests.current.file && number === requests.current.sheets[sheet]) setError(cause);
        },
      );
    },
    [latest, edit],
  );

  const edits = useMemo(
    () => ({
      chooseSheet: (sheet: string, workbookSheet: string | undefined) =>
        assignSheet(sheet, workbookSheet, (before) => chooseSheet(before, sheet, workbookSheet)),
      shareSheet: (sheet: string, workbookSheet: string) =>
        assignSheet(sheet, workbookSheet, (before) => shareSheet(before, sheet, workbookSheet)),
      chooseDistinct: (sheet: string, distinct: boolean) => edit((before) => chooseDistinct(before, sheet, distinct)),
      chooseHeader: (sheet: string, column: string, header: string | undefined) =>
        edit((before) => chooseHeader(before, sheet, column, header)),
      chooseConstant: (sheet: string, column: string, value: string) =>
        edit((before) => chooseConstant(before, sheet, column, value)),
      choosePart: (sheet: string, column: string, part: ColumnPart) =>
        edit((before) => choosePart(before, sheet, column, part)),
      chooseJoin: (sheet: string, column: string, joined: JoinedHeaders) =>
        edit((before) => chooseJoin(before, sheet, column, joined)),
      chooseRules: (sheet: string, column: string, rules: ValueRules | undefined) =>
        edit((before) => chooseRules(before, sheet, column, rules)),
    }),
    [assignSheet, edit],
  );

  const described = useMemo(
    () => ({
      sheets: preview ? mappedSheets(schema, preview, choices) : [],
      mapping: preview ? toMapping(schema, preview, choices) : [],
    }),
    [schema, preview, choices],
  );
  const current = useLatest(described.mapping);
  const samples = useCallback(
    async (sheet: string, column: string) => {
      const found = await latest.current.question.preview(current.current, isSet(latest.current.formats));
      const proposals = found.proposals.find((proposal) => proposal.sheet === sheet)?.columns ?? [];
      return proposals.find((proposal) => proposal.column === column)?.samples ?? [];
    },
    [latest, current],
  );
  const chooseFormat = useCallback(
    (file: string | undefined, format: TextFormat) => {
      const next = withFormat(latest.current.formats, file, format);
      setFormats(next);
      const sheet = preview?.sheets.find((candidate) => candidate.file === file)?.name;
      const kept = current.current.filter(({ workbookSheet, absent }) => !absent && workbookSheet !== sheet);
      start(file === undefined || kept.length === 0 ? undefined : kept, next);
    },
    [latest, current, preview, start],
  );
  const use = useCallback((mapping: readonly SheetMapping[]) => start(mapping), [start]);
  const answer = useMemo(() => ({ ...formats, mapping: described.mapping }), [formats, described.mapping]);
  return { preview, error, formats, answer, ...described, ...edits, samples, use, chooseFormat };
}
