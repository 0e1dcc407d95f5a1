import type { KindField } from "@headway/client";
import { Segments } from "../../ui/Segments.js";

/** The maximum number of choices that are shown next to each other. More choices are shown as a list. */
const maxSegments = 4;

/** An input for one member of a job's payload. */
export function JobField({ field }: { field: KindField }) {
  const { name, label, type, hint, required, defaultValue, choices } = field;
  const values = choices.map((choice) => choice.value);
  const text = (value: string) => choices.find((choice) => choice.value === value)?.label || value;
  switch (type) {
    case "choice":
      // One segment is always selected, so an optional choice without a default is a list with an empty entry.
      return choices.length <= maxSegments && (required || defaultValue) ? (
        <Segments legend={label} name={name} choices={values} text={text} defaultValue={defaultValue || values[0]} />
      ) : (
        <label className="field">
          <span>{label}</span>
          <select name={name} required={required} defaultValue={defaultValue}>
            {(!required || !defaultValue) && <option value="">{hint}</option>}
            {values.map((value) => (
              <option key={value} value={value}>
                {text(value)}
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
