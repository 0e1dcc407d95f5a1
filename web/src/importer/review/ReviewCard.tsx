import { type Counts, confirm, type SheetImport, type Text } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { type ReactNode, useState } from "react";
import { t } from "../../messages/index.js";
import { write } from "../../messages/text.js";
import { ErrorNote } from "../../ui/ErrorNote.js";
import { formatCount } from "../../ui/format.js";
import { Downloads } from "../Downloads.js";

const columns = ["read", "inserted", "updated", "unchanged", "rejected", "blocked"] as const;
type Column = (typeof columns)[number];

interface ReviewCardProps {
  /** The revision of the snapshot with the question. */
  revision: number;
  importId: string;
  /** The question of the job. */
  question: Record<string, unknown> | undefined;
  sheets: readonly SheetImport[];
  totals: Counts;
  /** The button for changing the columns. */
  change: ReactNode;
}

/** Asks whether to import the rows without errors, and shows the result by sheet. */
export function ReviewCard({ importId, revision, question, sheets, totals, change }: ReviewCardProps) {
  const connection = useConnection();
  const [busy, setBusy] = useState<"commit" | "decline">();
  const [error, setError] = useState<unknown>();
  const bad = totals.rejected + totals.blocked;
  const valid = totals.inserted + totals.updated + totals.unchanged;
  const shown = columns.filter((column) => totals[column] > 0);

  const decide = async (commit: boolean) => {
    setBusy(commit ? "commit" : "decline");
    setError(undefined);
    try {
      // The stream delivers the result.
      await confirm({ ...connection, importId, commit, questionRevision: revision });
    } catch (cause) {
      setError(cause);
      setBusy(undefined);
    }
  };

  return (
    <section className="card review" aria-labelledby="review-heading">
      <h2 id="review-heading">{valid > 0 ? t("review.heading", { n: valid }) : t("review.headingNone")}</h2>
      <p>{t("review.lead", { n: bad })}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable area must be reachable with the keyboard */}
      <section className="table-scroll" aria-label={t("review.table")} tabIndex={0}>
        <table>
          <caption className="visually-hidden">{t("review.table")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("review.sheet")}</th>
              {shown.map((column) => (
                <th key={column} scope="col" data-outcome={column}>
                  {t(`importer.counts.${column}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {sheets.map((sheet) => (
              <NumbersRow key={sheet.name} title={sheet.title} counts={sheet.counts} columns={shown} />
            ))}
          </tbody>
          <tfoot>
            <NumbersRow title={t("review.all")} counts={totals} columns={shown} />
          </tfoot>
        </table>
      </section>
      <TableChanges question={question} />
      {error ? <ErrorNote error={error} /> : null}
      <div className="decision">
        {valid > 0 && (
          <div>
            <button className="button primary large" type="button" disabled={!!busy} onClick={() => void decide(true)}>
              {t("review.commit", { n: valid })}
            </button>
            <p className="fine muted">{t("review.commitHint", { n: bad })}</p>
          </div>
        )}
        <div>
          <button className="button large" type="button" disabled={!!busy} onClick={() => void decide(false)}>
            {t("review.decline")}
          </button>
          <p className="fine muted">{t("review.declineHint")}</p>
        </div>
        <div>
          {change}
          <p className="fine muted">{t("review.changeHint")}</p>
        </div>
      </div>
      <Downloads importId={importId} errors={bad} />
    </section>
  );
}

interface TableChange {
  table: string;
  kind: string;
  detail: string;
  /** The detail with its ID and parameters. An earlier version of the server has none. */
  text?: Text;
}

/** Lists what the import changes in the database besides rows. What belongs to a new table is not listed. */
function TableChanges({ question }: Pick<ReviewCardProps, "question">) {
  const all = (question?.tableChanges ?? []) as TableChange[];
  const created = new Set(all.filter(({ kind }) => kind === "create").map(({ table }) => table));
  const changes = all.filter(({ table, kind }) => kind === "create" || !created.has(table));
  if (changes.length === 0) return null;
  const n = changes.length + Number(question?.tableChangeCount ?? all.length) - all.length;
  return (
    <details className="table-changes">
      <summary>{t("review.changes", { n })}</summary>
      <ul>
        {changes.map(({ table, kind, detail, text }) => (
          <li key={`${table} ${detail}`}>
            <code>{table}</code>{" "}
            {kind === "create" ? t("review.newTable") : (write(text) ?? <span lang="en">{detail}</span>)}
          </li>
        ))}
        {n > changes.length && <li>{t("review.moreChanges", { n: n - changes.length })}</li>}
      </ul>
    </details>
  );
}

interface NumbersRowProps {
  title: string;
  counts: Counts | undefined;
  columns: readonly Column[];
}

function NumbersRow({ title, counts, columns }: NumbersRowProps) {
  return (
    <tr>
      <th scope="row">{title}</th>
      {columns.map((column) => (
        <td key={column} data-outcome={column} data-zero={!counts?.[column] || undefined}>
          {formatCount(counts?.[column] ?? 0)}
        </td>
      ))}
    </tr>
  );
}
