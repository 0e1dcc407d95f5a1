import { type ColumnChanges, getImport, type ImportDetail } from "@headway/client";
import { useConnection } from "@headway/client/react";
import { useEffect, useState } from "react";
import { isKey, t } from "../../messages/index.js";

interface ChangesProps {
  importId: string;
  detail: ImportDetail;
}

/** The cells that were changed before they were imported, by column and rule. Examples are loaded when it is opened. */
export function Changes({ importId, detail }: ChangesProps) {
  const connection = useConnection();
  const [open, setOpen] = useState(false);
  const [samples, setSamples] = useState<Map<string, ColumnChanges["rules"]>>();
  const changed = changesOf(detail.sheets);
  const cells = changed.reduce((sum, column) => sum + column.cells, 0);
  // Each run can change other cells.
  const counted = JSON.stringify(changed);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the examples depend on the counts
  useEffect(() => {
    if (!open) return;
    let latest = true;
    getImport({ ...connection, importId }).then(
      ({ sheets = [] }) => {
        if (latest) setSamples(new Map(changesOf(sheets).map(({ key, rules }) => [key, rules])));
      },
      () => undefined, // the counts are there without examples
    );
    return () => {
      latest = false;
    };
  }, [connection, importId, open, counted]);
  if (changed.length === 0) return null;
  return (
    <details className="card changes" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>{t("changes.heading", { cells, columns: changed.length })}</h2>
      </summary>
      <ul>
        {changed.map(({ key, sheet, column, title, cells, rules }) => (
          <li key={key}>
            <h3>{t("changes.column", { sheet, column: title || column, cells })}</h3>
            <ul>
              {rules.map(({ rule, cells }) => (
                <li key={rule}>
                  {t("changes.rule", { rule: ruleName(rule), cells })}
                  <ul className="changes-samples">
                    {samplesOf(samples?.get(key), rule).map(({ cell, before, after }) => (
                      <li key={cell}>
                        <span className="muted">{cell}</span> <del>{before || t("mapping.empty")}</del>
                        <span aria-hidden="true"> → </span>
                        <ins>{after || t("mapping.empty")}</ins>
                      </li>
                    ))}
                  </ul>
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** Returns the changed columns of all sheets. */
const changesOf = (sheets: ImportDetail["sheets"]) =>
  sheets.flatMap(({ name, title, changes }) =>
    (changes ?? []).map((column) => ({ ...column, key: `${name} ${column.column}`, sheet: title })),
  );

const samplesOf = (rules: ColumnChanges["rules"] | undefined, rule: string) =>
  rules?.find((each) => each.rule === rule)?.samples ?? [];

function ruleName(rule: string): string {
  const key = `changes.by.${rule}`;
  return isKey(key) ? t(key) : rule;
}
