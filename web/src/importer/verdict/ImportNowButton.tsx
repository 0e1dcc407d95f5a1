import type { ImportChanges } from "@headway/client";
import { useState } from "react";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { useRepeat } from "../useRepeat.js";

interface ImportNowButtonProps {
  importId: string;
  text: string;
  changes: ImportChanges;
  onImported: (importId: string) => void;
}

/** Imports a file again that was only tested, or that had errors, and calls `onImported` with the new import. */
export function ImportNowButton({ importId, text, changes, onImported }: ImportNowButtonProps) {
  const repeat = useRepeat(importId);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const start = async () => {
    setBusy(true);
    try {
      onImported(await repeat(changes));
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
