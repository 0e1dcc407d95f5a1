import type { PreviewColumn } from "@headway/client";

interface HeaderSelectProps {
  label: string;
  none: string;
  value: string;
  available: readonly PreviewColumn[];
  invalid: boolean;
  onChange: (header: string) => void;
}

/** A choice among the headers of the file. */
export function HeaderSelect({ label, none, value, available, invalid, onChange }: HeaderSelectProps) {
  return (
    <select
      aria-label={label}
      aria-invalid={invalid || undefined}
      value={value}
      onChange={({ target }) => onChange(target.value)}
    >
      <option value="">{none}</option>
      {available.map(({ column, header }) => (
        <option key={column} value={header}>
          {header}
        </option>
      ))}
    </select>
  );
}
