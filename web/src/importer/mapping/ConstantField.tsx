import type { SchemaColumn } from "@headway/client";
import { t } from "../../messages/index.js";

interface ConstantFieldProps {
  column: SchemaColumn;
  value: string;
  missing: boolean;
  onChange: (value: string) => void;
}

/** The value that all rows have in a column: a list if the schema knows the values, a calendar for dates, or text. */
export function ConstantField({ column, value, missing, onChange }: ConstantFieldProps) {
  const common = {
    "aria-label": t("mapping.valueOf", { title: column.title || column.name }),
    "aria-invalid": missing || undefined,
    value,
    onChange: ({ target }: { target: { value: string } }) => onChange(target.value),
  };
  const choices = choicesOf(column);
  if (choices) {
    return (
      <select {...common}>
        <option value="">{t("mapping.pick")}</option>
        {choices.map(({ value: each, text }) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    );
  }
  if (column.type === "date") return <input type="date" {...common} min={column.minimum} max={column.maximum} />;
  return <input maxLength={1000} {...common} />;
}

/** The values among which a user can choose, or undefined if there are too many. */
function choicesOf({ type, allowed }: SchemaColumn): { value: string; text: string }[] | undefined {
  if (allowed.length > 0) return allowed.map((value) => ({ value, text: value }));
  if (type !== "boolean") return undefined;
  return [
    { value: "TRUE", text: t("mapping.yes") },
    { value: "FALSE", text: t("mapping.no") },
  ];
}
