import type { SampleValue, SchemaColumn, ValueRules } from "@headway/client";
import { useEffect, useState } from "react";
import { t } from "../../messages/index.js";
import { errorText, sampleText } from "../../messages/server.js";
import { shownValue } from "./ruleFields.js";

/** Asks for some values of a column as they would be imported. */
export type SamplesOf = () => Promise<readonly SampleValue[]>;

interface RuleSamplesProps {
  column: SchemaColumn;
  rules: ValueRules | undefined;
  header: string;
  samplesOf: SamplesOf;
}

/** The time without a change after which the server is asked, in milliseconds. */
const pause = 300;

/** Some values of a column as they would be imported, asked for again after each change. */
export function RuleSamples({ column, rules, header, samplesOf }: RuleSamplesProps) {
  const [samples, setSamples] = useState<readonly SampleValue[]>([]);
  const [problem, setProblem] = useState("");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the samples depend on the rules and the header
  useEffect(() => {
    let latest = true;
    const timer = setTimeout(() => {
      samplesOf().then(
        (found) => {
          if (!latest) return;
          setSamples(found);
          setProblem(found.length > 0 ? "" : t("rules.noSamples"));
        },
        (cause: unknown) => {
          if (latest) setProblem(errorText(cause));
        },
      );
    }, pause);
    return () => {
      latest = false;
      clearTimeout(timer);
    };
  }, [rules, header]);
  return (
    <div className="mapping-samples" role="status">
      <p className="fine muted">{t("rules.samples", { title: column.title || column.name })}</p>
      {problem && <p className="note warn">{problem}</p>}
      {!problem && (
        <ul>
          {samples.map((sample) => (
            <li key={sample.cell} data-bad={sample.problem ? true : undefined}>
              <span className="muted">{sample.cell}</span>
              <span aria-hidden="true">→</span>
              <strong>
                {sample.problem ? sampleText(sample) : shownValue(column, sample.value) || t("mapping.empty")}
              </strong>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
