import { importedPath, issuesCsvPath, reportPath } from "@headway/client";
import { Icon } from "../ui/Icon.js";
import { texts } from "../ui/texts.js";

function Download({ path, text }: { path: string; text: string }) {
  return (
    <a className="button quiet" href={path} download>
      <Icon name="download" />
      {text}
    </a>
  );
}

/** The workbook of the rows that a committed import has put into the database. */
export function ImportedDownload({ importId }: { importId: string }) {
  return (
    <p className="actions downloads">
      <Download path={importedPath(importId)} text={texts.import.imported} />
    </p>
  );
}

/** The report workbook and the issues as CSV. */
export function Downloads({ importId }: { importId: string }) {
  return (
    <p className="actions downloads">
      <Download path={reportPath(importId)} text={texts.import.report} />
      <Download path={issuesCsvPath(importId)} text={texts.import.csv} />
    </p>
  );
}
