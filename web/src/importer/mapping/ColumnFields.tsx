import type { PreviewColumn } from "@headway/client";
import type { MappedColumn } from "@headway/client/react";
import { type DragEvent, useId, useState } from "react";
import { texts } from "./texts.js";

interface ColumnFieldsProps {
  mapped: MappedColumn;
  available: readonly PreviewColumn[];
  onChoose: (header: string | undefined) => void;
}

/** One column of the schema: the column of the file for it, and some values. A header can be dropped on it. */
export function ColumnFields({ mapped, available, onChoose }: ColumnFieldsProps) {
  const { column, source, proposal, missing } = mapped;
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
          value={source?.header ?? ""}
          required={column.required}
          aria-invalid={missing || undefined}
          onChange={(event) => onChoose(event.target.value || undefined)}
        >
          <option value="">{column.required ? texts.noneRequired : texts.none}</option>
          {available.map(({ column: number, header }) => (
            <option key={number} value={header}>
              {header}
            </option>
          ))}
        </select>
      </span>
      <span className="mapping-values muted">
        {source && (source.values.join(" · ") || texts.empty)}
        {missing && (
          <span className="mapping-mark" data-mark="bad">
            {texts.missing}
          </span>
        )}
        {proposal && !proposal.sure && (
          <span className="mapping-mark" data-mark="warn">
            {texts.check}
          </span>
        )}
      </span>
    </li>
  );
}
