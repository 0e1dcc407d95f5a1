import type { OnIssues } from "@headway/client";
import { texts } from "../../ui/texts.js";

/** How to import. */
export interface ImportChoices {
  onIssues: OnIssues;
  dryRun: boolean;
}

const order = ["review", "skip_rows", "abort"] as const;

/** What happens when rows have problems, and whether anything is written at all. */
export function ImportOptions(props: { value: ImportChoices; onChange: (value: ImportChoices) => void }) {
  const { value, onChange } = props;
  const t = texts.start;
  return (
    <fieldset className="options">
      <legend>{t.onIssues}</legend>
      <div className="choices">
        {order.map((onIssues) => (
          <label key={onIssues} className="choice">
            <input
              type="radio"
              name="on-issues"
              value={onIssues}
              checked={value.onIssues === onIssues}
              onChange={() => onChange({ ...value, onIssues })}
            />
            <span>
              <strong>{t.onIssuesChoices[onIssues].title}</strong>
              <span className="muted">{t.onIssuesChoices[onIssues].hint}</span>
            </span>
          </label>
        ))}
      </div>
      <label className="switch">
        <input
          type="checkbox"
          role="switch"
          aria-checked={value.dryRun}
          checked={value.dryRun}
          onChange={(event) => onChange({ ...value, dryRun: event.target.checked })}
        />
        <span>
          <strong>{t.dryRun}</strong>
          <span className="muted">{t.dryRunHint}</span>
        </span>
      </label>
    </fieldset>
  );
}
