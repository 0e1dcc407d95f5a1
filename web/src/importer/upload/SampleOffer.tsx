import { useState } from "react";
import { t } from "../../messages/index.js";
import { formatCount } from "../../ui/format.js";
import { Icon } from "../../ui/Icon.js";
import { Segments } from "../../ui/Segments.js";

const sizes = [1_000, 10_000, 100_000] as const;

/** Offers a generated file of a chosen size. */
export function SampleOffer({ onTry }: { onTry: (rows: number) => void }) {
  const [rows, setRows] = useState<number>(sizes[0]);
  return (
    <section className="card sample" aria-labelledby="sample-heading">
      <div className="sample-words">
        <h2 id="sample-heading">{t("upload.sample")}</h2>
        <p className="muted">{t("upload.sampleLead")}</p>
      </div>
      <Segments legend={t("upload.sampleSize")} choices={sizes} text={formatCount} value={rows} onChange={setRows} />
      <div className="actions">
        <button className="button" type="button" onClick={() => onTry(rows)}>
          <Icon name="spark" />
          {t("upload.sampleTry")}
        </button>
      </div>
    </section>
  );
}
