import type { ValueRules } from "@headway/client";
import type { MappedColumn } from "@headway/client/react";
import { useId, useState } from "react";
import { t } from "../../messages/index.js";
import { writeNumber } from "../../messages/text.js";
import { RuleSamples, type SamplesOf } from "./RuleSamples.js";
import {
  countRules,
  fieldsFor,
  fromPairs,
  type Pair,
  pairsOf,
  type RuleField,
  shownValue,
  withRule,
} from "./ruleFields.js";

interface RuleFieldsProps {
  mapped: MappedColumn;
  samplesOf: SamplesOf;
  onChange: (rules: ValueRules | undefined) => void;
}

/** The value rules of a column, closed at first, with some values as they would be imported. */
export function RuleFields({ mapped, samplesOf, onChange }: RuleFieldsProps) {
  const { column, rules, source } = mapped;
  const [open, setOpen] = useState(false);
  const title = column.title || column.name;
  const count = countRules(rules);
  return (
    <details className="mapping-rules" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {t("rules.heading")}
        <span className="visually-hidden"> {t("rules.of", { title })}</span>
        {count > 0 && <span className="mapping-mark">{t("rules.count", { n: count })}</span>}
        {mapped.undecided && (
          <span className="mapping-mark" data-mark="warn">
            {t("rules.ambiguous")}
          </span>
        )}
      </summary>
      {open && (
        <>
          <div className="mapping-rule-fields">
            {fieldsFor(column).map((field) => (
              <Field
                key={field.rule}
                field={field}
                rules={rules}
                onChange={(value) => onChange(withRule(rules, field.rule, value))}
              />
            ))}
          </div>
          {source && <RuleSamples column={column} rules={rules} header={source.header} samplesOf={samplesOf} />}
        </>
      )}
    </details>
  );
}

/** The values that an ambiguous cell can have, each with the rules for it. The user has to choose one. */
export function Readings({ mapped, onChange }: Pick<RuleFieldsProps, "mapped" | "onChange">) {
  const readings = mapped.proposal?.readings ?? [];
  const name = useId();
  const chosen = JSON.stringify(set(mapped.rules));
  return (
    <fieldset className="mapping-readings">
      <legend>{readings[0]?.cell ? t("rules.means", { cell: readings[0].cell }) : t("rules.meansEmpty")}</legend>
      {readings.map(({ rules, value }) => (
        <label key={JSON.stringify(rules)} className="check">
          <input
            type="radio"
            name={name}
            checked={JSON.stringify(set(rules)) === chosen}
            aria-invalid={mapped.undecided || undefined}
            onChange={() => onChange(set(rules))}
          />
          {rules?.blank === "above"
            ? t("rules.above", { value })
            : shownValue(mapped.column, value) || t("rules.staysEmpty")}
          {factorOf(rules) > 1 && ` (× ${writeNumber(String(factorOf(rules)))})`}
        </label>
      ))}
    </fieldset>
  );
}

/** Returns the factor that all numbers of a column have, or 1. */
const factorOf = ({ factor, units = {} }: ValueRules = {}): number => Number(factor || Object.values(units)[0] || 1);

/** Returns the rules that are set. */
const set = (rules: ValueRules = {}): ValueRules | undefined =>
  Object.entries(rules).reduce<ValueRules | undefined>(
    (next, [rule, value]) => withRule(next, rule as keyof ValueRules, value),
    undefined,
  );

interface FieldProps {
  field: RuleField;
  rules: ValueRules | undefined;
  onChange: (value: unknown) => void;
}

function Field({ field, rules, onChange }: FieldProps) {
  const value = rules?.[field.rule];
  const label = t(field.label);
  switch (field.kind) {
    case "choice":
      return (
        <label className="field">
          {label}
          <select value={String(value ?? "")} onChange={({ target }) => onChange(target.value)}>
            <option value="">{t("rules.unset")}</option>
            {field.options.map(({ value: each, text }) => (
              <option key={each} value={each}>
                {t(text)}
              </option>
            ))}
          </select>
        </label>
      );
    case "check":
      return (
        <label className="check">
          <input type="checkbox" checked={Boolean(value)} onChange={({ target }) => onChange(target.checked)} />
          {label}
        </label>
      );
    case "year":
      return (
        <label className="field">
          {label}
          <input
            inputMode="numeric"
            maxLength={4}
            value={value ? String(value) : ""}
            onChange={({ target }) => onChange(Number(target.value.replace(/\D/g, "")))}
          />
        </label>
      );
    case "lines":
      return <Lines label={label} value={(value ?? []) as string[]} onChange={onChange} />;
    case "pairs":
      return (
        <Pairs
          label={label}
          to={t(field.to)}
          value={pairsOf(rules, field.rule)}
          onChange={(pairs) => onChange(fromPairs(rules, field.rule, pairs))}
        />
      );
    default:
      return (
        <label className="field">
          {label}
          <input maxLength={1000} value={String(value ?? "")} onChange={({ target }) => onChange(target.value)} />
        </label>
      );
  }
}

/** Several texts, one in each line. */
function Lines({ label, value, onChange }: { label: string; value: string[]; onChange: (value: string[]) => void }) {
  // A line that is being typed can still be empty.
  const [text, setText] = useState(value.join("\n"));
  return (
    <label className="field">
      {t("rules.lines", { label })}
      <textarea
        rows={2}
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          onChange(target.value.split("\n").filter((line) => line.trim()));
        }}
      />
    </label>
  );
}

interface PairsProps {
  label: string;
  to: string;
  value: Pair[];
  onChange: (value: Pair[]) => void;
}

/** Pairs of texts, with an empty one at the end to add another. */
function Pairs({ label, to, value, onChange }: PairsProps) {
  const [pairs, setPairs] = useState<Pair[]>(value);
  const rows: Pair[] = [...pairs, ["", ""]];
  const change = (at: number, pair: Pair) => {
    const next = rows.map((each, n) => (n === at ? pair : each)).filter(([from, with_]) => from || with_);
    setPairs(next);
    onChange(next.filter(([from]) => from));
  };
  return (
    <fieldset className="mapping-pairs">
      <legend>{label}</legend>
      {rows.map(([from, with_], n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a pair keeps its place while its texts change
        <span key={n}>
          <input
            aria-label={t("rules.from", { label, n: n + 1 })}
            maxLength={1000}
            value={from}
            onChange={({ target }) => change(n, [target.value, with_])}
          />
          <input
            aria-label={t("rules.to", { label, to, n: n + 1 })}
            placeholder={to}
            maxLength={1000}
            value={with_}
            onChange={({ target }) => change(n, [from, target.value])}
          />
        </span>
      ))}
    </fieldset>
  );
}
