import { retry } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useState } from "react";
import { t } from "../messages/index.js";
import { ErrorNote } from "../ui/ErrorNote.js";

/** Queues a failed or cancelled job again, and then calls `onRetried`. */
export function RetryButton({ jobId, onRetried }: { jobId: string; onRetried: () => void }) {
  const connection = useConnection();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const again = async () => {
    setBusy(true);
    try {
      await retry({ ...connection, jobId });
      onRetried();
    } catch (cause) {
      setError(cause);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button className="button" type="button" disabled={busy} onClick={() => void again()}>
        {t("job.retry")}
      </button>
      {error ? <ErrorNote error={error} /> : null}
    </>
  );
}
