import { locale } from "../messages/language.js";

type Fields = Record<string, unknown>;

/** The result of a job of any kind: names and values, nested like the result. */
export function ResultFacts({ result }: { result: Fields }) {
  return (
    <dl className="result-facts">
      {Object.entries(result).map(([name, value]) => (
        <div key={name} data-name={name}>
          <dt>{words(name)}</dt>
          <dd>
            <Value value={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ value }: { value: unknown }) {
  if (Array.isArray(value)) {
    return (
      <ul>
        {value.map((each, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a result no longer changes
          <li key={index}>
            <Value value={each} />
          </li>
        ))}
      </ul>
    );
  }
  if (typeof value === "object" && value !== null) return <ResultFacts result={value as Fields} />;
  if (typeof value === "number" && !Number.isInteger(value)) return value.toLocaleString(locale());
  return String(value ?? "–");
}

/** Turns a field's name into words: hitPoints and hit_points into "hit points". */
const words = (name: string) =>
  name
    .replace(/[_-]+/g, " ")
    .replace(/([a-z])([A-Z])/g, (_, before: string, after: string) => `${before} ${after.toLowerCase()}`);
