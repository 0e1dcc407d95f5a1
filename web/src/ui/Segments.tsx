import { type ReactNode, useId } from "react";

interface SegmentsProps<T extends string | number> {
  legend: string;
  /** Whether the legend is only for screen readers. */
  hideLegend?: boolean;
  /** The name of the field in the form's data. */
  name?: string;
  choices: readonly T[];
  text: (choice: T) => ReactNode;
  /** The initial choice, if the browser keeps the selection. */
  defaultValue?: T | undefined;
  /** The selected choice, if the caller keeps the selection. */
  value?: T;
  onChange?: (choice: T) => void;
}

/** A few choices in a row, one of which is selected. */
export function Segments<T extends string | number>(props: SegmentsProps<T>) {
  const { legend, hideLegend, name, choices, text, defaultValue, value, onChange } = props;
  const id = useId();
  return (
    <fieldset className="segments" aria-labelledby={id}>
      <legend id={id} className={hideLegend ? "visually-hidden" : undefined}>
        {legend}
      </legend>
      <div>
        {choices.map((choice) => (
          <label key={choice}>
            <input
              type="radio"
              name={name ?? id}
              value={choice}
              {...(value === undefined ? { defaultChecked: choice === defaultValue } : { checked: choice === value })}
              onChange={() => onChange?.(choice)}
            />
            <span>{text(choice)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
