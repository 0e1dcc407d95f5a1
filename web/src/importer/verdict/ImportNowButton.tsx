import { repeatImport } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useState } from "react";
import { t } from "../../messages/index.js";
import { ErrorNote } from "../../ui/ErrorNote.js";

/** Imports a file that was only tested, and calls `onImported` with the new import. */
export function ImportNowButton({
  importId,
  onImported,
}: {
  importId: string;
  onImported: (importId: string) => void;
}) {
  const connection = useConnection();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const start = async () => {
    setBusy(true);
    try {
      const { importId: next } = await repeatImport({ ...connection, importId, changes: { dryRun: false } });
      onImported(next);
    } catch (cause) {
      setError(cause);
      setBusy(false);
    }
  };
  return (
    <>
      <button className="button primary" type="button" disabled={busy} onClick={() => void start()}>
        {t("verdict.importNow")}
      </button>
      {error ? <ErrorNote error={error} /> : null}
    </>
  );
}
