import type { KindField } from "@headway/client";
import { useId } from "react";

/** The most choices that are shown next to each other. More are a list. */
const maxSegments = 4;

/** An input for one member of a job's payload. */
export function JobField({ field }: { field: KindField }) {
  const { name, label, type, hint, required, defaultValue, choices } = field;
  switch (type) {
    case "choice":
      // A segment is always chosen, so an optional choice without a default is a list with an empty entry.
      return choices.length <= maxSegments && (required || defaultValue) ? (
        <Segments field={field} />
      ) : (
        <label className="field">
          <span>{label}</span>
          <select name={name} required={required} defaultValue={defaultValue}>
            {(!required || !defaultValue) && <option value="">{hint}</option>}
            {choices.map((choice) => (
              <option key={choice.value} value={choice.value}>
                {choice.label || choice.value}
              </option>
            ))}
          </select>
        </label>
      );
    case "boolean":
      return (
        <label className="check-field">
          <input type="checkbox" name={name} defaultChecked={defaultValue === "true"} />
          <span>{label}</span>
        </label>
      );
    case "integer":
    case "number":
      return (
        <label className="field narrow">
          <span>{label}</span>
          <input
            type="number"
            inputMode={type === "integer" ? "numeric" : "decimal"}
            name={name}
            required={required}
            min={field.minimum}
            max={field.maximum}
            step={type === "integer" ? 1 : "any"}
            defaultValue={defaultValue}
            placeholder={hint}
          />
        </label>
      );
    default:
      return (
        <label className="field">
          <span>{label}</span>
          <input
            name={name}
            required={required}
            maxLength={field.maxLength || undefined}
            autoComplete="off"
            defaultValue={defaultValue}
            placeholder={hint}
          />
        </label>
      );
  }
}

/** A few choices, one of which is selected. */
function Segments({ field: { name, label, choices, defaultValue } }: { field: KindField }) {
  const id = useId();
  return (
    <fieldset className="segments" aria-labelledby={id}>
      <legend id={id}>{label}</legend>
      <div>
        {choices.map((choice, at) => (
          <label key={choice.value}>
            <input
              type="radio"
              name={name}
              value={choice.value}
              defaultChecked={defaultValue ? choice.value === defaultValue : at === 0}
            />
            <span>{choice.label || choice.value}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
