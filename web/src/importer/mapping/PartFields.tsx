import type { PreviewColumn } from "@headway/client";
import type { ColumnPart } from "@headway/client/react";
import { type PlainKey, t } from "../../messages/index.js";
import { HeaderSelect } from "./HeaderSelect.js";
import { SeparatorField } from "./SeparatorField.js";

interface PartFieldsProps {
  title: string;
  part: ColumnPart;
  available: readonly PreviewColumn[];
  onChange: (part: ColumnPart) => void;
}

/** The parts that a user can choose. */
const choices: { text: PlainKey; index: number; of: number; fromEnd?: boolean }[] = [
  { text: "mapping.part.first", index: 0, of: 2 },
  { text: "mapping.part.afterFirst", index: 1, of: 2 },
  { text: "mapping.part.last", index: 1, of: 2, fromEnd: true },
  { text: "mapping.part.beforeLast", index: 0, of: 2, fromEnd: true },
  { text: "mapping.part.second", index: 1, of: 3 },
  { text: "mapping.part.third", index: 2, of: 4 },
];

/** The part of a cell that a column gets: its header, its separator, and its position. */
export function PartFields({ title, part, available, onChange }: PartFieldsProps) {
  const { header, separator, index, of, fromEnd } = part;
  const chosen = choices.findIndex(
    (each) => each.index === index && each.of === of && Boolean(each.fromEnd) === Boolean(fromEnd),
  );
  return (
    <span className="mapping-derived">
      <select
        aria-label={t("mapping.part.which", { title })}
        value={chosen}
        onChange={({ target }) => {
          const { text: _, ...choice } = choices[Number(target.value)] ?? { text: "", index, of };
          onChange({ header, separator, ...choice });
        }}
      >
        {chosen < 0 && <option value={-1}>{t("mapping.part.number", { n: index + 1, all: of })}</option>}
        {choices.map(({ text }, number) => (
          <option key={text} value={number}>
            {t(text)}
          </option>
        ))}
      </select>
      <HeaderSelect
        label={t("mapping.part.of", { title })}
        none={t("mapping.noneRequired")}
        value={header}
        available={available}
        invalid={!header}
        onChange={(next) => onChange({ ...part, header: next })}
      />
      <SeparatorField
        label={t("mapping.separator", { title })}
        value={separator}
        required
        onChange={(next) => onChange({ ...part, separator: next })}
      />
    </span>
  );
}
