import { type Counts, confirm, type SheetImport } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useState } from "react";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { formatCount } from "../../ui/format.js";
import { texts } from "../../ui/texts.js";
import { Downloads } from "../Downloads.js";

const columns = ["read", "inserted", "updated", "unchanged", "rejected", "blocked"] as const;

interface ReviewCardProps {
  importId: string;
  sheets: readonly SheetImport[];
  totals: Counts;
}

/** Shows what an import that waits would do, sheet by sheet, and takes the decision. */
export function ReviewCard({ importId, sheets, totals }: ReviewCardProps) {
  const connection = useConnection();
  const [busy, setBusy] = useState<"commit" | "decline">();
  const [error, setError] = useState<unknown>();
  const t = texts.import.review;
  const bad = totals.rejected + totals.blocked;
  const valid = totals.inserted + totals.updated + totals.unchanged;

  const decide = async (commit: boolean) => {
    setBusy(commit ? "commit" : "decline");
    setError(undefined);
    try {
      // The stream brings what comes of it.
      await confirm({ ...connection, importId, commit });
    } catch (cause) {
      setError(cause);
      setBusy(undefined);
    }
  };

  return (
    <section className="card review" aria-labelledby="review-heading">
      <h2 id="review-heading">{t.heading}</h2>
      <p>{t.lead(bad)}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section className="table-scroll" aria-label={t.table} tabIndex={0}>
        <table>
          <caption className="visually-hidden">{t.table}</caption>
          <thead>
            <tr>
              <th scope="col">{t.sheet}</th>
              {columns.map((column) => (
                <th key={column} scope="col" data-fate={column}>
                  {texts.import.counts[column]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sheets.map((sheet) => (
              <NumbersRow key={sheet.name} title={sheet.title} counts={sheet.counts} />
            ))}
          </tbody>
          <tfoot>
            <NumbersRow title={t.all} counts={totals} />
          </tfoot>
        </table>
      </section>
      {error ? <ErrorNote error={error} /> : null}
      <div className="decision">
        <div>
          <button
            className="button primary large"
            type="button"
            disabled={!!busy || valid === 0}
            onClick={() => void decide(true)}
          >
            {t.commit(valid)}
          </button>
          <p className="fine muted">{t.commitHint(bad)}</p>
        </div>
        <div>
          <button className="button large" type="button" disabled={!!busy} onClick={() => void decide(false)}>
            {t.decline}
          </button>
          <p className="fine muted">{t.declineHint}</p>
        </div>
      </div>
      <Downloads importId={importId} />
    </section>
  );
}

function NumbersRow({ title, counts }: { title: string; counts: Counts | undefined }) {
  return (
    <tr>
      <th scope="row">{title}</th>
      {columns.map((column) => (
        <td key={column} data-fate={column} data-zero={!counts?.[column] || undefined}>
          {formatCount(counts?.[column] ?? 0)}
        </td>
      ))}
    </tr>
  );
}
