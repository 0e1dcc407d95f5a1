import { importedPath, issuesCsvPath, reportPath } from "@headway/client";
import { t } from "../messages/index.js";
import { language } from "../messages/language.js";
import { base } from "../ui/base.js";
import { Icon } from "../ui/Icon.js";

function Download({ path, text }: { path: string; text: string }) {
  return (
    <a className="button quiet" href={`${base}${path}`} download>
      <Icon name="download" />
      {text}
    </a>
  );
}

/** The link to the rows that a committed import saved. */
export function ImportedDownload({ importId }: { importId: string }) {
  return (
    <p className="actions downloads">
      <Download path={importedPath(importId, language())} text={t("importer.imported")} />
    </p>
  );
}

/** The links to the rows to fix, if there are errors, and to the list of errors or warnings. */
export function Downloads({ importId, errors }: { importId: string; errors: number }) {
  return (
    <p className="actions downloads">
      {errors > 0 && <Download path={reportPath(importId, language())} text={t("importer.report")} />}
      <Download
        path={issuesCsvPath(importId, language())}
        text={errors > 0 ? t("importer.csv") : t("importer.warningsCsv")}
      />
    </p>
  );
}
