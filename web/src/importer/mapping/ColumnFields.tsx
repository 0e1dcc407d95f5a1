import type { PreviewColumn, ValueRules } from "@headway/client";
import type { ColumnPart, JoinedHeaders, MappedColumn } from "@headway/client/react";
import { type DragEvent, useId, useState } from "react";
import { t } from "../../messages/index.js";
import { ConstantField } from "./ConstantField.js";
import { JoinFields } from "./JoinFields.js";
import { PartFields } from "./PartFields.js";
import { Readings, RuleFields } from "./RuleFields.js";
import type { SamplesOf } from "./RuleSamples.js";

interface ColumnFieldsProps {
  mapped: MappedColumn;
  available: readonly PreviewColumn[];
  onChoose: (header: string | undefined) => void;
  onConstant: (value: string) => void;
  onPart: (part: ColumnPart) => void;
  onJoin: (joined: JoinedHeaders) => void;
  onRules: (rules: ValueRules | undefined) => void;
  samplesOf: SamplesOf;
}

/** The options other than headers. No header can be like them. */
const everyRow = "\0row";
const partOf = "\0part";
const together = "\0join";

/** One column of the schema: the column of the file for it, and some values. A header can be dropped on it. */
export function ColumnFields(props: ColumnFieldsProps) {
  const { mapped, available, onChoose, onConstant, onPart, onJoin, onRules, samplesOf } = props;
  const { column, source, proposal, constant, part, joined, derived, missing } = mapped;
  const field = useId();
  const title = column.title || column.name;
  const [over, setOver] = useState(false);
  // With rules, the values are shown as they would be imported.
  const unread = !mapped.rules && !mapped.undecided && (proposal?.samples ?? []).some(({ problem }) => problem);
  const isHeader = (text: string) => available.some(({ header }) => header === text);

  const choose = (value: string) => {
    // The header that the column had is the first one that is split or joined.
    const header = source?.header ?? "";
    if (value === everyRow) onConstant("");
    else if (value === partOf) onPart({ header, separator: " ", index: 0, of: 2 });
    else if (value === together) onJoin({ headers: [header], separator: " " });
    else onChoose(value || undefined);
  };

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
          value={optionOf(mapped)}
          required={column.required}
          aria-invalid={(missing && constant === undefined && !part && !joined) || undefined}
          onChange={({ target }) => choose(target.value)}
        >
          <option value="">{column.required ? t("mapping.noneRequired") : t("mapping.none")}</option>
          {available.map(({ column: number, header }) => (
            <option key={number} value={header}>
              {header}
            </option>
          ))}
          <option value={everyRow}>{t("mapping.everyRow")}</option>
          {available.length > 0 && <option value={partOf}>{t("mapping.part")}</option>}
          {available.length > 1 && <option value={together}>{t("mapping.join")}</option>}
        </select>
      </span>
      <span className="mapping-values muted">
        {constant !== undefined && (
          <ConstantField column={column} value={constant} missing={missing} onChange={onConstant} />
        )}
        {part && <PartFields title={title} part={part} available={available} onChange={onPart} />}
        {joined && (
          <JoinFields
            title={title}
            joined={joined}
            amounts={isNumber(column)}
            available={available}
            onChange={onJoin}
          />
        )}
        {derived.length > 0 && <output>{derived.map((value) => value || t("mapping.empty")).join(" · ")}</output>}
        {source && (source.values.join(" · ") || t("mapping.empty"))}
        {missing && (
          <span className="mapping-mark" data-mark="bad">
            {t("mapping.missing")}
          </span>
        )}
        {unread && (
          <span className="mapping-mark" data-mark="warn">
            {t("mapping.unread")}
          </span>
        )}
        {proposal && !proposal.sure && (
          <span className="mapping-mark" data-mark="warn">
            {t("mapping.check")}
          </span>
        )}
      </span>
      {source && proposal?.mixedDecimals && (
        <p className="mapping-note">{t("mapping.mixedDecimals", { ...proposal.mixedDecimals })}</p>
      )}
      {(source ?? joined) && (proposal?.readings ?? []).length > 1 && <Readings mapped={mapped} onChange={onRules} />}
      {(source || part || joined) && <RuleFields mapped={mapped} samplesOf={samplesOf} onChange={onRules} />}
    </li>
  );
}

const isNumber = ({ type }: MappedColumn["column"]): boolean => type === "decimal" || type === "integer";

/** The option that is chosen. */
function optionOf({ source, constant, part, joined }: MappedColumn): string {
  if (constant !== undefined) return everyRow;
  if (part) return partOf;
  return joined ? together : (source?.header ?? "");
}
