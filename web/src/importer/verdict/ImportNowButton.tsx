import { type ImportChanges, repeatImport } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useState } from "react";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { useRequestId } from "../../ui/useRequestId.js";

interface ImportNowButtonProps {
  importId: string;
  text: string;
  changes: ImportChanges;
  onImported: (importId: string) => void;
}

/**
 * Imports a file again that was only tested, or that had errors, and calls `onImported` with the new import. After a lost response,
 * another try returns the same import, not a second one.
 */
export function ImportNowButton({ importId, text, changes, onImported }: ImportNowButtonProps) {
  const connection = useConnection();
  const requestId = useRequestId();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const start = async () => {
    setBusy(true);
    try {
      const repeated = { ...changes, requestId: requestId({ importId, changes }) };
      const { importId: next } = await repeatImport({ ...connection, importId, changes: repeated });
      onImported(next);
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <>
      <button className="button primary" type="button" disabled={busy} onClick={() => void start()}>
        {text}
      </button>
      {error ? <ErrorNote error={error} /> : null}
    </>
  );
}
