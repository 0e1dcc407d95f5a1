import { type Schema, templatePath } from "@headway/client";
import { useId } from "react";
import { t } from "../../messages/index.js";
import { language } from "../../messages/language.js";
import { base } from "../../ui/base.js";
import type { Schemas } from "./useSchemas.js";

/** What is imported: the choice of the schema if there are several, what its files contain, and its template. */
export function SchemaCard({ schemas }: { schemas: Schemas }) {
  const field = useId();
  const { list, chosen, choose } = schemas;
  if (!list || !chosen) return null;
  return (
    <section className="card schema" aria-label={t("upload.schema")}>
      {list.length > 1 && (
        <label className="field schema-choice" htmlFor={field}>
          {t("upload.schema")}
          <select id={field} value={chosen.name} onChange={(event) => choose(event.target.value)}>
            {list.map((schema) => (
              <option key={schema.name} value={schema.name}>
                {schema.title || schema.name}
              </option>
            ))}
          </select>
        </label>
      )}
      {chosen.description && <p className="muted schema-words">{chosen.description}</p>}
      <details className="schema-contents">
        <summary>{t("upload.contents", { title: chosen.title || chosen.name })}</summary>
        <ul>
          {chosen.sheets.map((sheet) => (
            <li key={sheet.name}>
              <strong>{sheet.title || sheet.name}</strong>
              {sheet.optional && <span className="muted"> {t("upload.optional")}</span>}
              <Columns sheet={sheet} />
            </li>
          ))}
        </ul>
        <p className="fine muted">{t("upload.requiredMark")}</p>
      </details>
      <p className="fine">
        <a href={base + templatePath(chosen.name, language())} download>
          {t("upload.templateLink")}
        </a>
      </p>
    </section>
  );
}

function Columns({ sheet }: { sheet: Schema["sheets"][number] }) {
  return (
    <p className="schema-columns">
      {sheet.columns.map((column) => (
        <span key={column.name}>
          {column.title || column.name}
          {column.required && <abbr title={t("upload.required")}>*</abbr>}
        </span>
      ))}
    </p>
  );
}
