/** Questions about the sheets and columns of an upload that has arrived. */
import { type CallOptions, call, type HeadwayError } from "../rest/connection.js";
import type { FileFormats, FilePreview, SheetMapping } from "../rest/types.js";

export type { FileFormats } from "../rest/types.js";

/** The answer to a question about sheets and columns. */
export interface MappingAnswer extends FileFormats {
  mapping: readonly SheetMapping[];
}

/** Asks which sheets and columns of a file are those of the schema. */
export interface MappingQuestion {
  /** Why the server asks. It is undefined if the caller asks because of `reviewMapping`. */
  error: HeadwayError | undefined;
  /** The last answer, if the server has refused it. */
  mapping: readonly SheetMapping[] | undefined;
  /** The formats of the last answer. */
  formats?: FileFormats | undefined;
  /** Returns the contents of the file, and how it could be imported. With a mapping, its assignments are kept. */
  preview: (mapping?: readonly SheetMapping[], formats?: FileFormats) => Promise<FilePreview>;
}

/** Reports whether another mapping can make an upload succeed. */
export const isAboutMapping = ({ reason }: HeadwayError): boolean => /^(MAPPING|SHEET|HEADER)_/.test(reason);

/** Returns the question about a complete upload. */
export const toQuestion = (
  options: CallOptions,
  uploadId: string,
  asked: Omit<MappingQuestion, "preview">,
): MappingQuestion => ({
  ...asked,
  preview: async (mapping, formats) => {
    const path = `previews?upload_id=${uploadId}`;
    const body = mapping || formats ? { ...formats, ...(mapping && { mapping }) } : undefined;
    return (await call<{ preview: FilePreview }>(options, "POST", path, body)).preview;
  },
});
