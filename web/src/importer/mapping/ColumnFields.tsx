import type { PreviewColumn } from "@headway/client";
import type { MappedColumn } from "@headway/client/react";
import { type DragEvent, useId, useState } from "react";
import { t } from "../../messages/index.js";
import { ConstantField } from "./ConstantField.js";

interface ColumnFieldsProps {
  mapped: MappedColumn;
  available: readonly PreviewColumn[];
  onChoose: (header: string | undefined) => void;
  onConstant: (value: string) => void;
}

/** The option for a value that all rows have. No header can be like it. */
const everyRow = "\0";

/** One column of the schema: the column of the file for it, and some values. A header can be dropped on it. */
export function ColumnFields({ mapped, available, onChoose, onConstant }: ColumnFieldsProps) {
  const { column, source, proposal, constant, missing } = mapped;
  const field = useId();
  const title = column.title || column.name;
  const [over, setOver] = useState(false);
  const isHeader = (text: string) => available.some(({ header }) => header === text);

  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const header = event.dataTransfer.getData("text/plain");
    if (isHeader(header)) onChoose(header);
  };

  return (
    <li
      data-missing={missing || undefined}
      data-over={over || undefined}
      onDragEnter={() => setOver(true)}
      onDragLeave={() => setOver(false)}
      onDragOver={(event) => event.preventDefault()}
      onDrop={drop}
    >
      <label htmlFor={field}>
        {title}
        {column.required && <span aria-hidden="true">*</span>}
      </label>
      <span className="field">
        <select
          id={field}
          value={constant === undefined ? (source?.header ?? "") : everyRow}
          required={column.required}
          aria-invalid={(missing && constant === undefined) || undefined}
          onChange={({ target: { value } }) => (value === everyRow ? onConstant("") : onChoose(value || undefined))}
        >
          <option value="">{column.required ? t("mapping.noneRequired") : t("mapping.none")}</option>
          {available.map(({ column: number, header }) => (
            <option key={number} value={header}>
              {header}
            </option>
          ))}
          <option value={everyRow}>{t("mapping.everyRow")}</option>
        </select>
      </span>
      <span className="mapping-values muted">
        {constant !== undefined && (
          <ConstantField column={column} value={constant} missing={missing} onChange={onConstant} />
        )}
        {source && (source.values.join(" · ") || t("mapping.empty"))}
        {missing && (
          <span className="mapping-mark" data-mark="bad">
            {t("mapping.missing")}
          </span>
        )}
        {proposal && !proposal.sure && (
          <span className="mapping-mark" data-mark="warn">
            {t("mapping.check")}
          </span>
        )}
      </span>
    </li>
  );
}
