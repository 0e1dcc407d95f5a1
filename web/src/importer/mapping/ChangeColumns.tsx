import {
  type FileFormats,
  getImport,
  HeadwayError,
  listSchemas,
  type Schema,
  type SheetMapping,
} from "@headway/client";
import { importQuestion, type MappingEditor, useConnection } from "@headway/client/react";
import { Suspense, useEffect, useMemo, useState } from "react";
import { t } from "../../messages/index.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { useRepeat } from "../useRepeat.js";
import { MappingCard } from "./LazyMappingCard.js";

interface ChangeColumnsProps {
  importId: string;
  fileName: string;
  user: string | undefined;
  /** Receives the ID of the new import. */
  onRepeated: (importId: string) => void;
  onCancel: () => void;
}

/** An answer that the server has refused, and why. */
interface Refused {
  error: HeadwayError;
  mapping: readonly SheetMapping[];
  formats: FileFormats;
}

/** Shows the columns of an import's file again, and imports it with others. */
export function ChangeColumns({ importId, fileName, user, onRepeated, onCancel }: ChangeColumnsProps) {
  const connection = useConnection();
  const repeat = useRepeat(importId);
  const [found, setFound] = useState<Schema>();
  const [error, setError] = useState<unknown>();
  const [refused, setRefused] = useState<Refused>();
  const [busy, setBusy] = useState(false);
  const question = useMemo(() => importQuestion({ ...connection, importId }, refused), [connection, importId, refused]);

  useEffect(() => {
    const closing = new AbortController();
    const options = { ...connection, signal: closing.signal };
    Promise.all([getImport({ ...options, importId }), listSchemas(options)]).then(
      ([{ schema }, { schemas }]) => {
        const own = schemas.find(({ name }) => name === schema);
        if (own) setFound(own);
        else setError(new HeadwayError(404, { reason: "SCHEMA_NOT_FOUND" }));
      },
      (cause: unknown) => {
        if (!closing.signal.aborted) setError(cause);
      },
    );
    return () => closing.abort();
  }, [connection, importId]);

  const answer = async (changes: MappingEditor["answer"]) => {
    setBusy(true);
    try {
      onRepeated(await repeat(changes));
    } catch (cause) {
      setBusy(false);
      const { mapping, ...formats } = changes;
      if (cause instanceof HeadwayError) setRefused({ error: cause, mapping, formats });
      else setError(cause);
    }
  };

  if (error !== undefined) {
    return (
      <section className="card" aria-label={t("mapping.heading")}>
        <ErrorNote error={error} heading={t("mapping.noPreview")} />
        <div className="actions">
          <button className="button" type="button" onClick={onCancel}>
            {t("mapping.back")}
          </button>
        </div>
      </section>
    );
  }
  if (!found) return <p role="status">{t("mapping.loading")}</p>;
  return (
    <Suspense fallback={<p role="status">{t("mapping.loading")}</p>}>
      <MappingCard
        question={question}
        schema={found}
        user={user}
        fileName={fileName}
        onAnswer={(changed) => void answer(changed)}
        onCancel={onCancel}
        cancel={t("mapping.back")}
        busy={busy}
      />
    </Suspense>
  );
}
