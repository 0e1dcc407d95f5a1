import { type ImportChanges, repeatImport } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useRequestId } from "../ui/useRequestId.js";

/**
 * Returns a function that imports the file of an import again, with changes, and returns the ID of the new import. After a lost
 * response, another try returns the same import, not a second one.
 */
export function useRepeat(importId: string): (changes: ImportChanges) => Promise<string> {
  const connection = useConnection();
  const requestId = useRequestId();
  return async (changes) => {
    const repeated = { ...changes, requestId: requestId({ importId, changes }) };
    return (await repeatImport({ ...connection, importId, changes: repeated })).importId;
  };
}
