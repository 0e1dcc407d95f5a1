import { t } from "../../messages/index.js";
import type { ImportChoices } from "./useImportUpload.js";

const order = ["review", "skip_rows", "abort"] as const;

/**
 * The import options: what happens if rows have errors, whether anything is saved, and whether the columns are shown. They
 * are closed at first, because the defaults suit most users.
 */
export function ImportOptions(props: { value: ImportChoices; onChange: (value: ImportChoices) => void }) {
  const { value, onChange } = props;
  return (
    <details className="card options">
      <summary>{t("upload.options")}</summary>
      <fieldset>
        <legend>{t("upload.onIssues")}</legend>
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
                <strong>{t(`upload.onIssues.${onIssues}.title`)}</strong>
                <span className="muted">{t(`upload.onIssues.${onIssues}.hint`)}</span>
              </span>
            </label>
          ))}
        </div>
      </fieldset>
      <label className="switch">
        <input
          type="checkbox"
          role="switch"
          aria-checked={value.dryRun}
          checked={value.dryRun}
          onChange={(event) => onChange({ ...value, dryRun: event.target.checked })}
        />
        <span>
          <strong>{t("upload.dryRun")}</strong>
          <span className="muted">{t("upload.dryRunHint")}</span>
        </span>
      </label>
      <label className="switch">
        <input
          type="checkbox"
          role="switch"
          aria-checked={value.reviewMapping}
          checked={value.reviewMapping}
          onChange={(event) => onChange({ ...value, reviewMapping: event.target.checked })}
        />
        <span>
          <strong>{t("upload.reviewMapping")}</strong>
          <span className="muted">{t("upload.reviewMappingHint")}</span>
        </span>
      </label>
    </details>
  );
}
