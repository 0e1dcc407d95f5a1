import type { Counts } from "@headway/client";
import { formatCount } from "../ui/format.js";
import { texts } from "../ui/texts.js";

/** What became of the rows, in the order of the conservation law. */
export const fates = ["inserted", "updated", "unchanged", "rejected", "blocked", "skipped"] as const;

/** The numbers over all sheets: one bar of what became of the rows, and each number beside its name. */
export function Totals({ totals, still }: { totals: Counts; still: boolean }) {
  const t = texts.import;
  const shown = fates.filter(
    (fate) => totals[fate] > 0 || ["inserted", "updated", "unchanged", "rejected"].includes(fate),
  );
  let from = 0;
  return (
    <section className="card totals" aria-labelledby="totals-heading">
      <h2 id="totals-heading">{still ? t.totalsDone : t.totals}</h2>
      <p className="totals-read">
        <strong>{formatCount(totals.read)}</strong> <span className="muted">{t.counts.read}</span>
      </p>
      <svg className="composition" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        {fates.map((fate) => {
          const share = totals.read ? (totals[fate] / totals.read) * 100 : 0;
          const x = from;
          from += share;
          return <rect key={fate} data-fate={fate} x={x} width={share} height="1" />;
        })}
      </svg>
      <dl className="totals-list">
        {shown.map((fate) => (
          <div key={fate} data-fate={fate}>
            <dt title={(t.countHints as Record<string, string>)[fate]}>{t.counts[fate]}</dt>
            <dd>{formatCount(totals[fate])}</dd>
          </div>
        ))}
      </dl>
      {still && totals.read > 0 && (
        <p className="fine muted sum">
          {t.adds} {formatCount(totals.read)} ={" "}
          {fates
            .filter((fate) => totals[fate] > 0)
            .map((fate) => formatCount(totals[fate]))
            .join(" + ") || "0"}
        </p>
      )}
    </section>
  );
}
