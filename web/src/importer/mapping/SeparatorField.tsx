import { t } from "../../messages/index.js";

interface SeparatorFieldProps {
  label: string;
  value: string;
  /** Whether a separator is required. */
  required: boolean;
  onChange: (separator: string) => void;
}

const usual = [",", ";", "-", "/", "@"];
const other = "other";

/** The text between the parts of a cell: a usual one, or any other. */
export function SeparatorField({ label, value, required, onChange }: SeparatorFieldProps) {
  const known = value === " " || usual.includes(value) || (value === "" && !required);
  return (
    <>
      <select
        aria-label={label}
        value={known ? value : other}
        onChange={({ target }) => onChange(target.value === other ? " - " : target.value)}
      >
        <option value=" ">{t("mapping.separator.space")}</option>
        {usual.map((each) => (
          <option key={each} value={each}>
            {each}
          </option>
        ))}
        {!required && <option value="">{t("mapping.separator.none")}</option>}
        <option value={other}>{t("mapping.separator.other")}</option>
      </select>
      {!known && (
        <input
          className="mapping-short"
          aria-label={t("mapping.separator.text", { label })}
          aria-invalid={value === "" || undefined}
          maxLength={20}
          value={value}
          onChange={({ target }) => onChange(target.value)}
        />
      )}
    </>
  );
}
