/** The value rules that the page offers, by the type of the column. */
import type { SchemaColumn, ValueRules } from "@headway/client";
import type { PlainKey } from "../../messages/index.js";
import { writeNumber } from "../../messages/text.js";

type Rule = keyof ValueRules;
type Type = SchemaColumn["type"];

interface Common {
  rule: Rule;
  label: PlainKey;
  /** The types of columns that can have the rule. All can, if it is undefined. */
  types?: readonly Type[];
}

/** A rule, and the control for it. */
export type RuleField = Common &
  (
    | { kind: "choice"; options: readonly { value: string; text: PlainKey }[] }
    | { kind: "check" | "text" | "lines" | "year" }
    | { kind: "pairs"; to: PlainKey }
  );

const texts: readonly Type[] = ["text", "email", "phone"];
const numbers: readonly Type[] = ["integer", "decimal"];
const dates: readonly Type[] = ["date", "datetime"];
const booleans: readonly Type[] = ["boolean"];

const fields: readonly RuleField[] = [
  {
    rule: "dateOrder",
    label: "rules.dateOrder",
    types: dates,
    kind: "choice",
    options: [
      { value: "dmy", text: "rules.dateOrder.dmy" },
      { value: "mdy", text: "rules.dateOrder.mdy" },
      { value: "ymd", text: "rules.dateOrder.ymd" },
    ],
  },
  {
    rule: "calendar",
    label: "rules.calendar",
    types: dates,
    kind: "choice",
    options: [
      { value: "gregorian", text: "rules.calendar.gregorian" },
      { value: "buddhist", text: "rules.calendar.buddhist" },
    ],
  },
  { rule: "dateFormats", label: "rules.dateFormats", types: dates, kind: "lines" },
  { rule: "pivotYear", label: "rules.pivotYear", types: dates, kind: "year" },
  {
    rule: "decimal",
    label: "rules.decimal",
    types: numbers,
    kind: "choice",
    options: [
      { value: ".", text: "rules.sign.point" },
      { value: ",", text: "rules.sign.comma" },
    ],
  },
  {
    rule: "thousands",
    label: "rules.thousands",
    types: numbers,
    kind: "choice",
    options: [
      { value: ".", text: "rules.sign.point" },
      { value: ",", text: "rules.sign.comma" },
      { value: " ", text: "rules.sign.space" },
      { value: "'", text: "rules.sign.apostrophe" },
      { value: "none", text: "rules.sign.none" },
    ],
  },
  {
    rule: "ambiguousDecimal",
    label: "rules.ambiguousDecimal",
    types: numbers,
    kind: "choice",
    options: [
      { value: ".", text: "rules.sign.point" },
      { value: ",", text: "rules.sign.comma" },
    ],
  },
  {
    rule: "percent",
    label: "rules.percent",
    types: numbers,
    kind: "choice",
    options: [
      { value: "fraction", text: "rules.percent.fraction" },
      { value: "number", text: "rules.percent.number" },
    ],
  },
  { rule: "units", label: "rules.units", types: numbers, kind: "pairs", to: "rules.factor" },
  { rule: "factor", label: "rules.multiply", types: numbers, kind: "text" },
  { rule: "trueValues", label: "rules.trueValues", types: booleans, kind: "lines" },
  { rule: "falseValues", label: "rules.falseValues", types: booleans, kind: "lines" },
  {
    rule: "case",
    label: "rules.case",
    types: ["text", "email"],
    kind: "choice",
    options: [
      { value: "upper", text: "rules.case.upper" },
      { value: "lower", text: "rules.case.lower" },
    ],
  },
  { rule: "collapse", label: "rules.collapse", types: texts, kind: "check" },
  { rule: "trim", label: "rules.trim", kind: "text" },
  { rule: "removePrefix", label: "rules.removePrefix", kind: "lines" },
  { rule: "removeSuffix", label: "rules.removeSuffix", kind: "lines" },
  { rule: "replace", label: "rules.replace", kind: "pairs", to: "rules.with" },
  { rule: "lookup", label: "rules.lookup", kind: "pairs", to: "rules.value" },
  { rule: "addPrefix", label: "rules.addPrefix", types: texts, kind: "text" },
  { rule: "addSuffix", label: "rules.addSuffix", types: texts, kind: "text" },
  { rule: "empty", label: "rules.empty", kind: "lines" },
  { rule: "default", label: "rules.default", kind: "text" },
  {
    rule: "blank",
    label: "rules.blank",
    kind: "choice",
    options: [
      { value: "clear", text: "rules.blank.clear" },
      { value: "keep", text: "rules.blank.keep" },
      { value: "above", text: "rules.blank.above" },
    ],
  },
];

/** Returns the rules that a column can have. */
export const fieldsFor = ({ type }: SchemaColumn): readonly RuleField[] =>
  fields.filter(({ types }) => !types || types.includes(type));

/** Returns a value as it would be imported, in the language of the page: 1.234 means another number in German. */
export const shownValue = ({ type }: SchemaColumn, value: string): string =>
  numbers.includes(type) ? writeNumber(value) : value;

/** Sets a rule, or deletes it if its value is empty. Without any rule, there are none. */
export function withRule(rules: ValueRules | undefined, rule: Rule, value: unknown): ValueRules | undefined {
  const entries = Object.entries(rules ?? {}).filter(([name]) => name !== rule);
  const next = Object.fromEntries(isEmpty(value) ? entries : [...entries, [rule, value]]);
  return Object.keys(next).length > 0 ? next : undefined;
}

/** Counts the rules that are set. */
export const countRules = (rules: ValueRules | undefined): number =>
  Object.values(rules ?? {}).filter((value) => !isEmpty(value)).length;

const isEmpty = (value: unknown): boolean => !value || (typeof value === "object" && Object.keys(value).length === 0);

/** Two texts of a rule, such as a unit and its factor. */
export type Pair = readonly [from: string, to: string];

/** Returns the pairs of a rule. Patterns are not pairs. */
export function pairsOf(rules: ValueRules | undefined, rule: Rule): Pair[] {
  if (rule === "replace") {
    return (rules?.replace ?? []).flatMap(({ text = "", with: to = "" }) => (text ? [[text, to] as const] : []));
  }
  return Object.entries((rules?.[rule] ?? {}) as Record<string, string>);
}

/** Returns the value of a rule with these pairs. The patterns that it had stay. */
export function fromPairs(rules: ValueRules | undefined, rule: Rule, pairs: readonly Pair[]): unknown {
  if (rule !== "replace") return Object.fromEntries(pairs);
  const patterns = (rules?.replace ?? []).filter(({ pattern }) => pattern);
  return [...patterns, ...pairs.map(([text, to]) => ({ text, with: to }))];
}
