import { type ImportOptions, type MappingQuestion, previewImport } from "../index.js";

/**
 * Returns the question about the file of an import that has ended or waits for review. It begins with the mapping of the import, or with
 * `asked.mapping`. `repeatImport` takes its answer as the changes.
 */
export const importQuestion = (
  options: ImportOptions,
  asked: Partial<Omit<MappingQuestion, "preview">> = {},
): MappingQuestion => ({
  error: undefined,
  mapping: undefined,
  ...asked,
  preview: (mapping, formats) => previewImport({ ...options, changes: { mapping, ...formats } }),
});
