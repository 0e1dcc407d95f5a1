/** Questions about the sheets and columns of an upload that has arrived. */
import { type CallOptions, call, type HeadwayError } from "../rest/connection.js";
import type { FilePreview, SheetMapping } from "../rest/types.js";

/** Asks which sheets and columns of a file are those of the schema. */
export interface MappingQuestion {
  /** Why the server asks. It is undefined if the caller asks because of `reviewMapping`. */
  error: HeadwayError | undefined;
  /** The last answer, if the server has refused it. */
  mapping: readonly SheetMapping[] | undefined;
  /** Returns what the file has, and how it could be imported. With a mapping, its assignments are kept. */
  preview: (mapping?: readonly SheetMapping[]) => Promise<FilePreview>;
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
  preview: async (mapping) => {
    const path = `previews?upload_id=${uploadId}`;
    return (await call<{ preview: FilePreview }>(options, "POST", path, mapping && { mapping })).preview;
  },
});
