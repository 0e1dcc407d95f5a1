import type { PreviewColumn } from "@headway/client";
import type { JoinedHeaders } from "@headway/client/react";
import { t } from "../../messages/index.js";
import { HeaderSelect } from "./HeaderSelect.js";
import { SeparatorField } from "./SeparatorField.js";

interface JoinFieldsProps {
  title: string;
  joined: JoinedHeaders;
  /** Whether the column has numbers, which can be subtracted. */
  amounts: boolean;
  available: readonly PreviewColumn[];
  onChange: (joined: JoinedHeaders) => void;
}

/** The server joins at most so many headers. */
const maxHeaders = 16;

/** The headers whose texts a column has, and the text between two of them. */
export function JoinFields({ title, joined, amounts, available, onChange }: JoinFieldsProps) {
  const negated = (joined.negated ?? []).filter((each) => joined.headers.includes(each));
  const chosen = joined.headers.filter((header) => header);
  const fields = chosen.length < maxHeaders ? [...chosen, ""] : chosen;
  const choose = (at: number, header: string) =>
    onChange({
      ...joined,
      negated,
      headers: fields.map((each, n) => (n === at ? header : each)).filter((each) => each),
    });
  return (
    <span className="mapping-derived">
      {fields.map((header, n) => (
        <HeaderSelect
          // biome-ignore lint/suspicious/noArrayIndexKey: a field keeps its place while its header changes
          key={n}
          label={t("mapping.join.column", { n: n + 1, title })}
          none={n < 2 ? t("mapping.noneRequired") : t("mapping.join.more")}
          value={header}
          available={available.filter((each) => each.header === header || !chosen.includes(each.header))}
          invalid={n < 2 && !header}
          onChange={(next) => choose(n, next)}
        />
      ))}
      {amounts &&
        chosen.map((header) => (
          <label key={header} className="check">
            <input
              type="checkbox"
              checked={negated.includes(header)}
              onChange={({ target }) =>
                onChange({
                  ...joined,
                  negated: [...negated.filter((each) => each !== header), ...(target.checked ? [header] : [])],
                })
              }
            />
            {t("mapping.join.negated", { header })}
          </label>
        ))}
      {negated.length === 0 && (
        <SeparatorField
          label={t("mapping.separator", { title })}
          value={joined.separator ?? ""}
          required={false}
          onChange={(separator) => onChange({ ...joined, separator })}
        />
      )}
    </span>
  );
}
