import type { MappedSheet, MappingEditor } from "@headway/client/react";
import { useId, useState } from "react";
import { t } from "../../messages/index.js";
import { ColumnFields } from "./ColumnFields.js";

/** Begins the option for a sheet that is for another one too. No sheet can be like it. */
const also = "\0";

interface SheetMappingFieldsProps {
  mapped: MappedSheet;
  editor: MappingEditor;
  /** Whether there are so few sheets that all are open at first. */
  few: boolean;
}

/** The columns of one sheet of the schema. Among others, they are closed at first if there is nothing to check. */
export function SheetMappingFields({ mapped, editor, few }: SheetMappingFieldsProps) {
  const { sheet, workbookSheet, columns, unused } = mapped;
  const title = sheet.title || sheet.name;
  const field = useId();
  const missing = columns.filter((column) => column.missing).length;
  const doubts = columns.filter(({ proposal, undecided }) => undecided || (proposal && !proposal.sure)).length;
  const found = columns.filter(({ source, constant, part, joined }) => source || constant || part || joined).length;
  const sheets =
    editor.preview?.sheets.filter(({ columns: { length }, name }) => length > 0 || name === workbookSheet) ?? [];
  const others = new Set(
    editor.sheets.flatMap((other) => (other === mapped || !other.workbookSheet ? [] : [other.workbookSheet])),
  );
  if (workbookSheet !== undefined) others.delete(workbookSheet);
  const [open, setOpen] = useState(few || missing + doubts + unused.length > 0);
  return (
    <details className="mapping-sheet" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h3>{title}</h3>
        <span className="muted">
          {workbookSheet === undefined ? t("mapping.noSheet") : t("mapping.found", { n: found, all: columns.length })}
        </span>
        {missing > 0 && (
          <span className="mapping-mark" data-mark="bad">
            {t("mapping.toChoose", { n: missing })}
          </span>
        )}
        {doubts > 0 && (
          <span className="mapping-mark" data-mark="warn">
            {t("mapping.toCheck", { n: doubts })}
          </span>
        )}
      </summary>
      <label className="field mapping-source" htmlFor={field}>
        {t("mapping.sheet", { title })}
        <select
          id={field}
          value={workbookSheet ?? ""}
          onChange={({ target: { value } }) =>
            value.startsWith(also)
              ? editor.shareSheet(sheet.name, value.slice(also.length))
              : editor.chooseSheet(sheet.name, value || undefined)
          }
        >
          <option value="">{t("mapping.noSheet")}</option>
          {sheets.map(({ name, tableOf, headerRow }) => (
            <option key={name} value={name}>
              {tableOf ? t("mapping.table", { name, sheet: tableOf, row: headerRow }) : name}
            </option>
          ))}
          {sheets
            .filter(({ name }) => others.has(name))
            .map(({ name }) => (
              <option key={name} value={also + name}>
                {t("mapping.also", { sheet: name })}
              </option>
            ))}
        </select>
      </label>
      {(mapped.shared || mapped.distinct) && (
        <label className="check">
          <input
            type="checkbox"
            checked={mapped.distinct}
            onChange={({ target }) => editor.chooseDistinct(sheet.name, target.checked)}
          />
          {t("mapping.distinct", { title })}
        </label>
      )}
      {workbookSheet !== undefined && (
        <>
          <ul className="mapping-columns" aria-label={title}>
            {columns.map((column) => (
              <ColumnFields
                key={column.column.name}
                mapped={column}
                available={mapped.available}
                onChoose={(header) => editor.chooseHeader(sheet.name, column.column.name, header)}
                onConstant={(value) => editor.chooseConstant(sheet.name, column.column.name, value)}
                onPart={(part) => editor.choosePart(sheet.name, column.column.name, part)}
                onJoin={(joined) => editor.chooseJoin(sheet.name, column.column.name, joined)}
                onRules={(rules) => editor.chooseRules(sheet.name, column.column.name, rules)}
                samplesOf={() => editor.samples(sheet.name, column.column.name)}
              />
            ))}
          </ul>
          {unused.length > 0 && <Unused columns={unused} />}
        </>
      )}
    </details>
  );
}

function Unused({ columns }: { columns: MappedSheet["unused"] }) {
  const heading = useId();
  return (
    <section className="mapping-unused" aria-labelledby={heading}>
      <h4 id={heading}>{t("mapping.unused")}</h4>
      <p className="fine muted">{t("mapping.unusedHint")}</p>
      <ul>
        {columns.map(({ column, header, values }) => (
          <li
            key={column}
            draggable
            onDragStart={({ dataTransfer }) => {
              dataTransfer.setData("text/plain", header);
              dataTransfer.effectAllowed = "link";
            }}
          >
            <strong>{header}</strong>
            <span className="muted">{values.join(" · ") || t("mapping.empty")}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
