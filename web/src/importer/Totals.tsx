import type { Counts } from "@headway/client";
import { isKey, t } from "../messages/index.js";
import { formatCount } from "../ui/format.js";

/** The outcomes of rows, whose counts add up to the rows read. */
export const outcomes = ["inserted", "updated", "unchanged", "rejected", "blocked", "skipped"] as const;

/** Explains an outcome whose name does not. */
function hint(outcome: (typeof outcomes)[number]): string | undefined {
  const key = `importer.countHints.${outcome}`;
  return isKey(key) ? t(key) : undefined;
}

/** The numbers over all sheets: one bar of outcomes, and each number next to its name. */
export function Totals({ totals, ended }: { totals: Counts; ended: boolean }) {
  const shown = outcomes.filter(
    (outcome) => totals[outcome] > 0 || ["inserted", "updated", "unchanged", "rejected"].includes(outcome),
  );
  let from = 0;
  return (
    <section className="card totals" aria-labelledby="totals-heading">
      <h2 id="totals-heading">{ended ? t("importer.totalsDone") : t("importer.totals")}</h2>
      <p className="totals-read">
        <strong>{formatCount(totals.read)}</strong> <span className="muted">{t("importer.counts.read")}</span>
      </p>
      <svg className="composition" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        {outcomes.map((outcome) => {
          const share = totals.read ? (totals[outcome] / totals.read) * 100 : 0;
          const x = from;
          from += share;
          return <rect key={outcome} data-outcome={outcome} x={x} width={share} height="1" />;
        })}
      </svg>
      <dl className="totals-list">
        {shown.map((outcome) => (
          <div key={outcome} data-outcome={outcome}>
            <dt title={hint(outcome)}>{t(`importer.counts.${outcome}`)}</dt>
            <dd>{formatCount(totals[outcome])}</dd>
          </div>
        ))}
      </dl>
      {ended && totals.read > 0 && (
        <p className="fine muted sum">
          {t("importer.sum")} {formatCount(totals.read)} ={" "}
          {outcomes
            .filter((outcome) => totals[outcome] > 0)
            .map((outcome) => formatCount(totals[outcome]))
            .join(" + ") || "0"}
        </p>
      )}
    </section>
  );
}
